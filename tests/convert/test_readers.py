"""The reader of blocks gives the rows of the reader of lines, whatever stands in the lines."""

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rm_ray.convert import reading
from rm_ray.convert.block_reader import read_block
from rm_ray.convert.blocks import Block
from rm_ray.convert.columns import Columns
from rm_ray.convert.config import LinesOutputConfig
from rm_ray.convert.kinds import Seen, kind_of
from rm_ray.convert.line_reader import BadLine, read_entries
from rm_ray.convert.reading import Reader

NAMES = st.sampled_from(["a", "b", "text", "", "ä", "a.b", "x y", "\\", '"', "A", "\u0000", "😀"])
INTS = st.integers() | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**308])
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | INTS | FLOATS | st.text(max_size=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
# Documents that mostly have the same types, so that blocks are read at once.
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=20),
        "n": st.integers(-(2**63), 2**63 - 1) | st.none(),
        "x": FLOATS | st.integers(-5, 2**53 + 2),
        "ok": st.booleans(),
        "m": st.dictionaries(NAMES, st.text(max_size=3), max_size=3) | st.none(),
        "l": st.lists(st.integers(0, 9) | st.none(), max_size=3),
        "s": st.lists(st.fixed_dictionaries({"u": st.integers(0, 5)}, optional={"v": FLOATS})),
        "none": st.none(),
        "bare": st.lists(st.just({}) | st.none(), max_size=2),
    },
)
ANY = st.dictionaries(NAMES, VALUES, max_size=4)


def columns_for(documents, extra="json"):
    seen = Seen()
    for document in documents:
        seen.add(document)
    fields = [(name, kind_of(inner)) for name, inner in (seen.fields or {}).items()]
    return Columns.of(fields, LinesOutputConfig(path="o"), extra)


def both(columns: Columns, data: bytes):
    """Read some lines by blocks where that can be, and line by line; return both."""
    fast, slow = Reader(columns, "f"), Reader(columns, "f")
    slow._block_schema = None
    return fast.read(Block(data, 7)), slow.read(Block(data, 7))


def same(columns: Columns, data: bytes) -> None:
    fast, slow = both(columns, data)
    assert fast.rows.equals(slow.rows, check_metadata=True)
    assert repr(fast.rows.to_pylist()) == repr(slow.rows.to_pylist())  # 0.0 and -0.0 are not equal
    assert fast.rejects.equals(slow.rejects)
    assert fast.counts.stored() == slow.counts.stored()


def lines_of(documents, ascii_only=True) -> bytes:
    return b"".join(
        json.dumps(document, ensure_ascii=ascii_only).encode() + b"\n" for document in documents
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(DOCUMENTS | ANY, max_size=5), st.lists(DOCUMENTS, max_size=3), st.booleans())
def test_any_objects(sampled, late, ascii_only):
    columns = columns_for(sampled)
    same(columns, lines_of([*sampled, *late], ascii_only))


def test_objects_without_fields_are_read_in_blocks_and_keep_their_text():
    columns = columns_for([{"a": {}, "l": [{}], "s": {"m": {}}}])
    data = b'{"a":{},"l":[{},null],"s":{"m":{}}}\n{"a":null}\n{"l":[],"s":{}}\n{"s":null}\n'
    same(columns, data)
    fast, _ = both(columns, data)
    assert fast.counts.slow_lines == 0
    assert fast.rows["a"].to_pylist() == ["{}", None, None, None]
    assert fast.rows["l"].to_pylist() == [["{}", None], None, [], None]
    assert fast.rows["s"].to_pylist() == [{"m": "{}"}, None, {"m": None}, None]
    same(columns, b'{"a":{ }}\n')
    assert both(columns, b'{"a":{ }}\n')[0].rows["a"].to_pylist() == ["{ }"]
    same(columns, b'{"a":{"b":1}}\n')


@settings(max_examples=250, deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=4), st.data())
def test_any_damage(documents, data):
    """Bytes are put in, taken out or doubled anywhere."""
    text = bytearray(lines_of(documents))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        new = data.draw(
            st.binary(max_size=2)
            | st.sampled_from(
                [b"\n", b"\r", b"{", b"}", b'"', b",", b":", b"[", b"]", b"NaN", b"-", b"0",
                 b"1e400",
                 b"\\ud800", b"\\u0000", b"\\u0061", b"\xed\xa0\x80", b"\xef\xbb\xbf", b" ", b"\t",
                 b"null", b'"n":1,', b"{}", b'{"n":1}', b"/**/", b"\\'", b"+", b".5", b"1."]
            )
        )  # fmt: skip
        text[at : at + data.draw(st.integers(0, 2))] = new
    same(columns_for(documents), bytes(text).rstrip(b"\n") + b"\n")


@pytest.mark.parametrize(
    "line",
    [
        b'{"n":1}{"n":2}', b'{"n":1}\r{"n":2}', b'{"x":NaN}', b'{"x":Infinity}', b'{"x":-Infinity}',
        b'{"x":1e400}', b'{"n":9223372036854775808}', b'{"x":9007199254740993}', b'{"n":1.0}',
        b'{"n":1,"n":2}', b'{"n":null,"n":2}', b'{"m":{"a":"1","a":"2"}}', b'{"n":1,"\\u006e":2}',
        b'{"text":"\\ud800"}', b'{"text":"\\udc00"}', b'{"text":"\xff"}',
        b'{"text":"\xed\xa0\x80"}', b'{"new":1}',
        b'{"text":"a\x00b"}', b'{"n":1}\x00', b'{"n":01}', b"{'n':1}", b'{"n":1,}', b"[1]", b"5",
        b'{"text":"x\ty"}', b'{"text":12}', b'{"text":"\\\'"}', b'{"n":1} {', b'{"n":',
        b'{"m":{"new":1}}', b'{"none":5}', b'\xef\xbb\xbf{"n":1}', b'{"n":' + b"[" * 5000, b"{}",
        b'{"l":[1,"x"]}', b'{"l":[[1]]}', b'{"ok":"true"}', b'{"ok":1}', b'{"n":true}', b" ", b"\r",
        b'{"l":[,]}', b'{"l":[1,]}', b'{"x":-0}', b'{"x":1e-400}', b'{"n":-}', b'{"n" 1}', b'{1:2}',
    ],
)  # fmt: skip
def test_one_line_among_others(line):
    columns = columns_for([
        {"n": 1, "x": 0.5, "text": "t", "m": {"a": "b"}, "l": [1], "ok": True, "none": None}
    ])  # fmt: skip
    good = b'{"n":1,"x":2.5,"text":"t","m":null}\r\n'
    same(columns, good + line + b"\n" + good)


@pytest.mark.parametrize("good", [b'{"x":2.5}', b'{"x":2.5,"new":1}'])
def test_the_integer_minus_zero_is_zero_whatever_stands_beside_it(good):
    lines = good + b'\n{"x":-0}\n{"x":-0.0}\n{"x": -0 }\n{"x":-0e1}\n'
    done = Reader(columns_for([{"x": 0.5}]), "f").read(Block(lines, 1))
    values = done.rows.column("x").to_pylist()
    assert repr(values) == "[2.5, 0.0, -0.0, 0.0, -0.0]"


def test_few_lines_are_read_slowly_for_one_bad_line(monkeypatch):
    columns = columns_for([{"text": "t"}])
    lines = [b'{"text":"%05d"}\n' % number for number in range(20_000)]
    lines[7_777] = b'{"text":"a","new":1}\n'
    done = Reader(columns, "f").read(Block(b"".join(lines), 1))
    assert done.rows.column("line").to_pylist() == list(range(1, 20_001))
    assert done.rows.column("extra")[7_777].as_py() == '{"new":1}'
    assert 1 <= done.counts.slow_lines < 3_000


def test_blocks_that_gain_nothing_are_read_by_lines_at_once(monkeypatch):
    calls = []
    monkeypatch.setattr(reading, "read_block", lambda data, schema: calls.append(1))
    reader = Reader(columns_for([{"text": "t"}]), "f")
    for _ in range(40):
        assert len(reader.read(Block(b'{"text":"t","new":1}\n', 1)).rows) == 1
    assert len(calls) == 5


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a":', "invalid JSON"), (b'{"a":1} x', "invalid JSON"), (b"[1]", "not an object"),
        (b'"t"', "not an object"), (b'{"a":1,"a":2}', "duplicate key"),
        (b'{"m":[{"a":1,"a":2}]}', "duplicate key"), (b'{"a":NaN}', "NaN or infinity"),
        (b'{"a":-Infinity}', "NaN or infinity"), (b'{"a":1e400}', "number beyond double"),
        (b'{"a":' + b"9" * 400 + b"}", "number beyond double"), (b'{"a":"\xff"}', "invalid UTF-8"),
        (b'{"a":"\\ud83d"}', "lone surrogate"), (b'{"\\udc00":1}', "lone surrogate"),
        (b'{"a":' + b"[" * 9000 + b"]" * 9000 + b"}", "nested too deep"),
        (b'{"a":"x\ny"}', "invalid JSON"), (b"nul", "invalid JSON"),
    ],
)  # fmt: skip
def test_why_a_line_is_rejected(line, reason):
    with pytest.raises(BadLine) as error:
        read_entries(line)
    assert error.value.reason == reason


def test_the_text_of_values_is_as_the_line_has_it():
    line = rb' { "a" : 1.10 , "b":{"c" : [1, 2e3,"\u00e9"]},"\u0061b":"\/" , '
    line += b'"big":123456789012345678901234567890}'
    entries = read_entries(line)
    assert {name: entry.text for name, entry in entries.items()} == {
        "a": "1.10", "b": r'{"c" : [1, 2e3,"\u00e9"]}', "ab": r'"\/"',
        "big": "123456789012345678901234567890",
    }  # fmt: skip
    columns = columns_for([{"a": "x"}, {"a": 1}, {"b": {"c": [1, "x"]}, "b2": 1}])
    rows = Reader(columns, "f").read(Block(line + b"\n", 1)).rows.to_pylist()
    assert rows[0]["a"] == "1.10" and rows[0]["b"] == {"c": ["1", "2e3", r'"\u00e9"']}
    extra = r'{"\u0061b":"\/","big":123456789012345678901234567890}'
    assert rows[0]["extra"] == extra


def test_what_does_not_fit_is_rejected_where_that_is_asked():
    columns = columns_for([{"a": 1}], extra="reject")
    done = Reader(columns, "f").read(Block(b'{"a":1}\n{"b":1}\n{"a":"x"}\n', 1))
    assert done.rows.num_rows == 1 and "extra" not in done.rows.column_names
    assert done.counts.rejected == {"field not planned": 1, "value does not fit": 1}
    assert done.rejects.column("raw").to_pylist() == [b'{"b":1}', b'{"a":"x"}']


def test_a_plain_block_is_read_at_once():
    schema = pa.schema([("a", pa.int64())])
    read = read_block(b'{"a":1}\n\n{"a":null}\r\n{}\n', schema)
    assert read is not None and read.rows.column("a").to_pylist() == [1, None, None]
    assert read.lines.tolist() == [0, 2, 3] and read.empty == 1
