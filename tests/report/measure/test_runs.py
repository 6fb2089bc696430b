"""What of a run a report reads: which of its parts are missing."""

from rm_ray.config import OutputConfig, StorageConfig
from rm_ray.corpus.shards import Shard
from rm_ray.run.output.folder import REWARDS, RunFolder
from rm_ray.scored.run import open_scored
from tests.report.runs import add_night, documents


def test_parts_of_a_file_that_scoring_went_on_without_are_not_missing(tmp_path):
    """The second night's file cannot be read: it is planned, and has no part, for ever."""
    rows = documents({"a": [1.0, 2.0]})
    add_night(tmp_path, "n1", rows)
    bad = str(tmp_path / "corpus" / "n2.parquet")
    scored = str(add_night(tmp_path, "n2", rows, left_out=[Shard(bad, 0, 2).part]))
    assert open_scored(scored, StorageConfig(), allow_incomplete=True).missing == 1
    run = RunFolder(OutputConfig(path=scored), REWARDS)
    run.mark_complete({"skipped_files": {bad: "is not a readable Parquet file"}})
    for segments in (None, [1]):
        assert open_scored(scored, StorageConfig(), segments).missing == 0
