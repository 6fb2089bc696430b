"""Pieces of a shard, joined: the same part, to the byte, as the shard judged whole."""

from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rm_ray.corpus.shards import Shard
from rm_ray.judges.judge import Verdict
from rm_ray.run.output.commit import ROWS_KEY, part_bytes, read_counts, read_part
from rm_ray.run.staging import joined
from rm_ray.score.counts import ScoreCounts as Counts
from rm_ray.score.rewards import reward_table
from rm_ray.store.folder import Folder
from tests.conftest import tiny_judge

ROWS = 12
CARRIED = {
    "id": pa.array([f"d{i}" for i in range(ROWS)], pa.large_string()),
    "lists": pa.array([[i, None] for i in range(ROWS)]),
    "nested": pa.array([{"a": [[str(i)], None], "b": {"c": i / 2}} for i in range(ROWS)]),
    "map": pa.array([[("k", [i])] for i in range(ROWS)], pa.map_(pa.string(), pa.list_(pa.int8()))),
    "kind": pa.array(["x", "y"] * (ROWS // 2)).dictionary_encode(),
}


def rewards(start, stop):
    verdicts = [
        Verdict("ok", reward=i + 1.0, more={"chunk_rewards": [i + 0.5, i + 1.5], "n_chunks": 2})
        if i % 5
        else Verdict("too_short", "short")
        for i in range(start, stop)
    ]
    carried = {name: column[start:stop] for name, column in CARRIED.items()}
    rows = pa.array(range(start, stop), pa.int64())
    return reward_table("f", rows, carried, [130] * len(rows), verdicts, tiny_judge()[1].columns)


def counts(rows):
    return Counts(
        documents=rows, rows=rows, statuses={"ok": rows}, windows=2 * rows, prompt_tokens=9 * rows
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("staged")


@pytest.mark.slow
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(cuts=st.sets(st.integers(1, ROWS - 1)), data=st.data())
def test_any_pieces_join_to_the_bytes_of_the_whole(cuts, data, folder):
    bounds = [0, *sorted(cuts), ROWS]
    pieces = [Shard("f", a, b) for a, b in pairwise(bounds)]
    staged = Folder(str(folder / data.draw(st.uuids()).hex))
    for piece in data.draw(st.permutations(pieces)):
        rows = rewards(piece.start, piece.stop)
        staged.create(piece.part, part_bytes(rows, counts(len(rows)).to_json(), "judge"))
    table, summed = joined(
        {piece.start: read_part(staged, piece.part, Counts) for piece in pieces}, Counts
    )
    whole = part_bytes(rewards(0, ROWS), counts(ROWS).to_json(), "judge")
    assert part_bytes(table, summed.to_json(), "judge") == whole


def test_a_footer_says_which_rows_a_part_has(folder):
    """By a hash of what was written before the footer: other counts, the same rows."""
    place = Folder(str(folder / "footers"))
    for name, stop, documents in (("one", 12, 12), ("same", 12, 13), ("less", 11, 11)):
        place.create(name, part_bytes(rewards(0, stop), counts(documents).to_json(), "judge"))
    hashes = {
        name: pq.read_metadata(f"{place.path}/{name}").metadata[ROWS_KEY.encode()]
        for name in place.names()
    }
    assert hashes["one"] == hashes["same"] != hashes["less"]
    assert read_counts(place, "one", "judge", Counts) == (counts(12), 12)
    assert read_counts(place, "one", "another judge", Counts) is None
