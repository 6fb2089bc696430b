"""Groups: what a document's values make of it, and how that is said."""

import uuid

import pyarrow as pa
import pytest

from rm_ray.corpus.groups import check_grouping, check_number, group_name, grouped, printable, texts
from rm_ray.errors import InputError

BYTES = pa.array([b"a\xff", b"", None, b"a\\xff", b"a\xff"], pa.binary())


def unchecked(kind):
    """Strings as a Parquet file may hold them: not all are UTF-8."""
    return pa.Array.from_buffers(pa.string(), len(BYTES), BYTES.buffers()).cast(kind)


@pytest.mark.parametrize(
    "column",
    [BYTES, BYTES.cast(pa.large_binary()), unchecked(pa.string()), unchecked(pa.large_string()),
     unchecked(pa.string_view()), unchecked(pa.string()).dictionary_encode()],
    ids=lambda column: str(column.type),
)  # fmt: skip
def test_texts_that_are_no_utf8_are_shown_as_bytes(column):
    r"""And a text that is written like one, a\xff, is in its group."""
    shown = ["a\\xff", "", None, "a\\xff", "a\\xff"]
    assert texts(column) == shown
    labels, codes = grouped([pa.chunked_array([column])], len(column))
    assert labels == [r'["a\\xff"]', '[""]', "[null]"]
    assert codes.tolist() == [0, 1, 2, 0, 0]


def test_uuids_and_bytes_of_fixed_length_make_groups():
    raw = pa.array([uuid.UUID(int=255).bytes, None, b"sixteen letters!"], pa.binary(16))
    ids = pa.ExtensionArray.from_storage(pa.uuid(), raw)
    shown = ["0" * 30 + "ff", None, "sixteen letters!"]
    assert texts(raw) == shown and texts(ids)[:2] == ["00000000-0000-0000-0000-0000000000ff", None]
    labels, codes = grouped([pa.chunked_array([raw]), pa.chunked_array([ids])], 3)
    assert labels[codes[0]] == f'["{shown[0]}", "00000000-0000-0000-0000-0000000000ff"]'
    for kind in (raw.type, ids.type, pa.json_(), pa.timestamp("us", "Europe/Berlin")):
        check_grouping(kind)


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.int8()), pa.struct([("a", pa.int8())]), pa.timestamp("us", "No/Where")],
    ids=str,
)  # fmt: skip
def test_types_that_make_no_groups(kind):
    with pytest.raises(pa.ArrowException):
        check_grouping(kind)


def test_other_values_are_as_python_has_them():
    assert texts(pa.array([7, None])) == ["7", None]
    assert texts(pa.chunked_array([pa.array([{"a": 1}])])) == ["{'a': 1}"]


def test_groups_of_two_columns_and_of_none():
    columns = [pa.chunked_array([["b", "a", "b"]]), pa.chunked_array([[True, None, True]])]
    labels, codes = grouped(columns, 3)
    assert [labels[code] for code in codes] == ['["b", "true"]', '["a", null]', '["b", "true"]']
    assert grouped([], 2)[0] == ["[]"]
    labels, codes = grouped([pa.chunked_array([pa.array([], pa.string())])], 0)
    assert (labels, len(codes)) == ([], 0)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("[]", "all"),
        ('["", null]', '"", null'),
        ('["日本語 é"]', "日本語 é"),
        (r'["a\n1 documents kept"]', r"a\n1 documents kept"),
        (r'["\u001b[2J\u009b31m"]', r"\x1b[2J\x9b31m"),
        (r'["\u202eabc"]', r"\u202eabc"),
    ],
)
def test_a_name_is_one_line_that_no_terminal_obeys(label, name):
    assert group_name(label) == name
    assert group_name(label).isprintable()


def test_what_is_printable_is_as_it_was():
    words = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u65b0\u95fb\u3000\u79d1\u6280"
    assert printable(words) == words  # joiners and wide spaces belong to writing
    assert printable("a\u202eb\u2066") == "a\\u202eb\\u2066"
    assert printable("a b\\n\t") == "a b\\n\\t"


def test_more_groups_than_groups_there_can_be():
    check_number("by", ["a", "b"], 2)
    with pytest.raises(InputError, match=r"^by: there are more than 2 groups, such as a\\n; give"):
        check_number("by", [r'["b"]', r'["a\n"]', r'["c"]'], 2)
