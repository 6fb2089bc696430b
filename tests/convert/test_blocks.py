"""Blocks hold whole lines, whatever the pieces."""

from hypothesis import given, settings
from hypothesis import strategies as st

from rm_ray.convert.blocks import Block, Unread, blocks
from rm_ray.convert.packing import Damaged

LINES = st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line), max_size=12)


def cut(data: bytes, sizes: list[int]):
    position = 0
    while position < len(data):
        size = sizes[0] if sizes else 5
        sizes = sizes[1:]
        yield data[position : position + size]
        position += size


@settings(max_examples=200, deadline=None)
@given(LINES, st.booleans(), st.lists(st.integers(1, 30), max_size=5), st.integers(1, 40))
def test_every_line_comes_once_and_long_lines_are_told(lines, ends, sizes, most):
    data = b"\n".join(lines) + (b"\n" if ends and lines else b"")
    parts = list(blocks(cut(data, sizes), 5, most, size=16))
    assert parts == list(blocks(iter([data] if data else []), 5, most, size=16))
    known = data.split(b"\n")[: -1 if data.endswith(b"\n") else None] if data else []
    found = {}
    for part in parts:
        if isinstance(part, Block):
            assert part.data.endswith(b"\n")
            for number, line in enumerate(part.data[:-1].split(b"\n"), part.first_line):
                found[number] = line
                assert len(line) <= most
        else:
            assert part.reason == "line too long" and part.length > most
            found[part.line] = part.head
    assert found == dict(enumerate(known, 5))


def test_a_long_line_keeps_its_beginning_and_its_length():
    line = b"x" * (3 << 20)
    (first, told, last) = blocks(cut(b"a\n" + line + b"\nb\n", [100_000] * 90), 1, 1 << 20)
    assert told == Unread(2, "line too long", told.detail, line[: 1 << 20], 3 << 20)
    assert (first, last) == (Block(b"a\n", 1), Block(b"b\n", 3))


def damaged(*pieces: bytes):
    yield from pieces
    raise Damaged("it is cut short")


def test_a_damaged_end_is_one_unread_line_after_the_whole_ones():
    assert list(blocks(damaged(b"a\nb", b"b\ncc"), 1, 100)) == [
        Block(b"a\nbb\n", 1),
        Unread(3, "damaged file", "it is cut short", b"cc", 2),
    ]
    assert list(blocks(damaged(b"a"), 1, 100)) == [
        Unread(1, "damaged file", "it is cut short", b"a", 1)
    ]
    (told,) = blocks(damaged(b"x" * 50, b"y" * 50), 1, 20)
    assert told == Unread(1, "damaged file", "it is cut short", b"x" * 50 + b"y" * 50, 100)


def test_a_byte_order_mark_is_taken_off_the_beginning_alone():
    mark = b"\xef\xbb\xbf"
    for sizes in ([1, 1, 1], [2, 9], [50]):
        data = mark + b"a\n" + mark + b"b"
        assert list(blocks(cut(data, sizes), 1, 100)) == [Block(b"a\n" + mark + b"b\n", 1)]
    assert list(blocks(iter([mark + b"a\n"]), 2, 100)) == [Block(mark + b"a\n", 2)]
    assert list(blocks(iter([mark]), 1, 100)) == []
