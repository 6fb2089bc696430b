"""Pages of byte arrays: what is a dictionary, what is an index, and where values begin."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.parquet.pages import dictionary_part, page_header

# With a dictionary that may have 100 bytes, pyarrow writes pages of indices, and then PLAIN ones.
SMALL = {"dictionary_pagesize_limit": 100, "data_page_size": 50, "write_batch_size": 10}


def write(path, values, version="1.0", **options):
    pq.write_table(pa.table({"a": values}), path, data_page_version=version, **options)
    chunk = pq.read_metadata(path).row_group(0).column(0)
    return chunk, min(chunk.dictionary_page_offset or 1 << 40, chunk.data_page_offset)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_dictionary_and_all_its_indices_are_found(tmp_path, version):
    path = tmp_path / "a.parquet"
    chunk, start = write(path, ["abcd", "ef", None, "abcd"], version)
    with path.open("rb") as file:
        page = page_header(file, start)
        part = dictionary_part(file, start, 4)
    assert page.is_dictionary and page.values == 2
    assert page.uncompressed == (4 + 4) + (4 + 2)
    assert (part.entries, part.entry_bytes, part.values) == (2, 6, 4)
    assert part.stored == chunk.total_uncompressed_size


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_pages_after_the_dictionary_are_no_part_of_it(tmp_path, version):
    path = tmp_path / "a.parquet"
    values = [f"{i:010d}" for i in range(100)]
    chunk, start = write(path, values, version, **SMALL)
    with path.open("rb") as file:
        part = dictionary_part(file, start, 100)
    # ten values are put in at once, until they have 100 bytes or more
    assert part.values == part.entries == 10
    assert part.entry_bytes == 100
    plain = chunk.total_uncompressed_size - part.stored
    assert 90 * (10 + 4) <= plain < 90 * (10 + 4) + 9 * 100


def test_a_chunk_without_a_dictionary_has_no_such_part(tmp_path):
    path = tmp_path / "a.parquet"
    _, start = write(path, ["abcd", "ef"], use_dictionary=False)
    with path.open("rb") as file:
        part = dictionary_part(file, start, 2)
    assert (part.entries, part.values, part.stored) == (0, 0, 0)


def test_bytes_that_are_no_page_are_refused(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"\xff" * 100)
    with path.open("rb") as file, pytest.raises(pa.ArrowInvalid, match="no page at byte 0"):
        dictionary_part(file, 0, 5)
