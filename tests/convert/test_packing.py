"""Compressed files are unpacked to their end, or it is said where they are damaged."""

import bz2
import gzip
import lzma
import tracemalloc
import zlib

import pytest
import zstandard

from rm_ray.convert.packing import Damaged, packing_of, read_pieces, unpacked

TEXT = b"".join(b'{"n":%d}\n' % number for number in range(40_000))
PACK = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


def pieces(data: bytes, size: int = 1000):
    return (data[start : start + size] for start in range(0, len(data), size))


def unpack(data: bytes, packing: str, size: int = 1000) -> tuple[bytes, str]:
    """Unpack as much as can be; return it, and the reason why the rest cannot."""
    out = bytearray()
    try:
        for piece in unpacked(pieces(data, size), packing):
            out += piece
    except Damaged as error:
        return bytes(out), str(error)
    return bytes(out), ""


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_members_one_after_the_other(packing, size):
    data = PACK[packing](TEXT[:5000]) + PACK[packing](b"") + PACK[packing](TEXT[5000:9000])
    assert packing_of(data) == packing
    assert unpack(data, packing, size) == (TEXT[:9000], "")


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("lost", [1, 5, 60])
def test_a_file_that_is_cut_short_says_so_and_gives_its_beginning(packing, lost):
    got, said = unpack(PACK[packing](TEXT)[:-lost], packing)
    assert "cut short" in said
    assert TEXT.startswith(got)
    if packing in ("gzip", "zstd"):  # their blocks are smaller than the text
        assert got


@pytest.mark.parametrize("packing", PACK)
def test_damage_is_found(packing):
    data = bytearray(PACK[packing](TEXT))
    data[len(data) // 2] ^= 0x55
    data[len(data) // 2 + 1] ^= 0x55
    got, said = unpack(bytes(data), packing)
    assert said
    assert got != TEXT


def test_what_follows_the_last_member_is_damage_unless_it_is_padding():
    assert unpack(gzip.compress(TEXT) + b"\0" * 100, "gzip") == (TEXT, "")
    got, said = unpack(gzip.compress(TEXT) + b"rest", "gzip")
    assert got == TEXT and "damaged" in said


def test_zstd_with_a_long_window_without_sizes_and_with_frames_to_skip():
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = stream.compress(TEXT) + stream.flush()
    skipped = bytes.fromhex("502a4d18") + (5).to_bytes(4, "little") + b"12345"
    assert packing_of(skipped + data) == "zstd"
    for size in (3, 1 << 20):
        assert unpack(skipped + data + skipped + data, "zstd", size) == (TEXT + TEXT, "")


def test_a_window_of_two_gibibytes_is_read(tmp_path):
    # a header that asks for the window, and an empty last block
    frame = bytes.fromhex("28b52ffd") + b"\x00" + bytes([(31 - 10) << 3]) + b"\x01\x00\x00"
    assert unpack(frame, "zstd") == (b"", "")


def test_a_zstd_dictionary_is_named():
    samples = [b'{"id":%d,"text":"a document, number %d"}' % (n, n) for n in range(2000)]
    dictionary = zstandard.train_dictionary(2000, samples)
    data = zstandard.ZstdCompressor(dict_data=dictionary).compress(samples[0])
    got, said = unpack(data, "zstd")
    assert got == b"" and f"the dictionary {dictionary.dict_id()}" in said


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_memory_stays_small_whatever_the_ratio(packing):
    data = PACK[packing](b"\0" * (128 << 20))
    tracemalloc.start()
    try:
        total = sum(map(len, unpacked(iter([data]), packing)))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 128 << 20
    assert most < 40 << 20


def test_many_small_members():
    data = b"".join(PACK["zstd"](b'{"n":1}\n') for _ in range(20_000))
    assert unpack(data, "zstd", 1 << 20) == (b'{"n":1}\n' * 20_000, "")


def test_a_part_of_a_file_is_read(tmp_path):
    (tmp_path / "f").write_bytes(TEXT)
    with (tmp_path / "f").open("rb") as file:
        file.seek(10)
        assert b"".join(read_pieces(file, 5000, at_once=700)) == TEXT[10:5000]


def test_plain_text_is_not_compressed():
    assert packing_of(b'{"a":1}') is None and packing_of(b"") is None
    assert packing_of(zlib.compress(b"x")) is None
