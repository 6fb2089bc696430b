"""The files that a segment of a run holds, wherever the corpus lies by now."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.errors import InputError
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.job import FilterJob
from tests.filter import hostile
from tests.scored_runs import fabricate

ROWS = pa.table({"text": ["a", "b"]})


@pytest.fixture
def days(tmp_path, monkeypatch):
    """A run of two days, a folder each, as seen from another folder than the filter's. The first
    day's file is gone; the second day has two languages, and a file without rows.
    """
    monkeypatch.chdir(tmp_path)
    for day, langs in (("1", {"en": ROWS}), ("2", {"en": ROWS, "de": ROWS, "fr": ROWS[:0]})):
        for lang, rows in langs.items():
            (tmp_path / day / f"lang={lang}").mkdir(parents=True)
            pq.write_table(rows, tmp_path / day / f"lang={lang}" / "0.parquet")
        fabricate(tmp_path / "scored", Path(day), hostile.rewards)
    monkeypatch.chdir("/")
    (tmp_path / "1" / "lang=en" / "0.parquet").unlink()
    return tmp_path


def found(folder, segments, **rule):
    config = FilterConfig.model_validate(
        {
            "rewards": {"path": str(folder / "scored"), "segments": segments},
            "output": {"path": str(folder / "out")},
            "rule": rule,
        }
    )
    files = FilterJob(config).find(set()).files
    return [(file.path.removeprefix(f"{folder}/"), file.partition) for file in files]


def test_a_segment_is_filtered_whose_corpus_lies_elsewhere_than_the_first_one(days):
    assert found(days, [1], by="lang") == [
        ("2/lang=de/0.parquet", {"lang": "de"}), ("2/lang=en/0.parquet", {"lang": "en"}),
    ]  # fmt: skip


def test_a_file_of_a_segment_that_is_gone_or_has_changed_is_named(days):
    with pytest.raises(InputError, match=r"1/lang=en/0.parquet"):
        found(days, [0])
    pq.write_table(ROWS[:1], days / "2" / "lang=de" / "0.parquet")
    with pytest.raises(InputError, match=r"2/lang=de/0.parquet has changed since .* scored it"):
        found(days, [1])
