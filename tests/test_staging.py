"""Pieces of a shard, joined: the same part, to the byte, as the shard judged whole."""

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rm_ray.commit import part_bytes
from rm_ray.plan import Shard
from rm_ray.rewards import Counts, Verdict, judged, reward_table
from rm_ray.staging import Staging
from rm_ray.storage import Folder

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
        judged(130, {0: i + 0.5, 1: 1.5}, 2) if i % 5 else Verdict(3, 0, "too_short", "short")
        for i in range(start, stop)
    ]
    carried = {name: column[start:stop] for name, column in CARRIED.items()}
    return reward_table("f", pa.array(range(start, stop), pa.int64()), carried, verdicts)


def counts(rows):
    return Counts(documents=rows, statuses={"ok": rows}, windows=2 * rows, prompt_tokens=9 * rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("staged")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(cuts=st.sets(st.integers(1, ROWS - 1)), data=st.data())
def test_any_pieces_join_to_the_bytes_of_the_whole(cuts, data, folder):
    bounds = [0, *sorted(cuts), ROWS]
    pieces = [Shard("f", a, b) for a, b in pairwise(bounds)]
    staging = Staging(Folder(str(folder / data.draw(st.uuids()).hex)), "judge")
    for piece in data.draw(st.permutations(pieces)):
        staging.keep(piece, rewards(piece.start, piece.stop), counts(piece.stop - piece.start))
    table, summed = staging.join(pieces)
    whole = part_bytes(rewards(0, ROWS), counts(ROWS).to_json(), "judge")
    assert part_bytes(table, summed.to_json(), "judge") == whole
