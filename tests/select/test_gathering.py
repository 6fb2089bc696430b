"""The decided rows of a shard, from rows of stages known by hand."""

from dataclasses import dataclass
from types import SimpleNamespace

import pyarrow as pa
import pytest

from rm_ray.corpus.shards import Shard
from rm_ray.errors import Incomplete
from rm_ray.judges.preference.rule_file import ALL
from rm_ray.judges.preference.stopping import Band, Forecast, StopTable, Strictness
from rm_ray.select.config import CHEAP, MAIN, SAMPLE
from rm_ray.select.gathering import CHUNKS_TYPE, SURE, Gathering
from rm_ray.select.sides import Decider
from rm_ray.select.statistics.cheap import CheapForecast
from tests.conftest import tiny_judge

SHARD = Shard("f", 0, 4)
BAND = Band(0.0, 1.0)
# After one chunk the rest is expected to be like it, within 0.1.
TABLE = StopTable((Forecast(1, 0.0, (1.0,), 0.1, 0.0),), Strictness(2.0, 2.0))
# Cheap rewards and rewards have the same ranks: above 8 a document is kept, below 2 dropped.
SCORES = tuple(float(score) for score in range(11))
SURE_CHEAP = CheapForecast(
    cheap=SCORES, cheap_scores=SCORES, rewards=(0.0, 1.0), scores=(2.0, 8.0), slope=1.0,
    deviation=0.0, strictness=Strictness(0.0, 0.0),
)  # fmt: skip


@dataclass
class Rows:
    """The rows of a stage, held in memory."""

    name: str
    rows: pa.Table

    @property
    def schema(self):
        return self.rows.schema

    @property
    def parts(self):
        return SimpleNamespace(uri="nowhere")

    def read(self, shard, columns):
        return self.rows.select(list(dict.fromkeys(["row", *columns])))


def stage(name, rows):
    """A stage of rows: number, chunk rewards, and chunks that the document has."""
    table = pa.table(
        {
            "id": [str(row) for row, _, _ in rows],
            "source_file": ["f"] * len(rows),
            "row": pa.array([row for row, _, _ in rows], pa.int64()),
            "reward": pa.array([sum(c) / len(c) for _, c, _ in rows], pa.float32()),
            "n_tokens": pa.array([64 * n for _, _, n in rows], pa.int64()),
            "status": ["ok"] * len(rows),
            "error": pa.nulls(len(rows), pa.string()),
            "chunk_rewards": pa.array([c for _, c, _ in rows], CHUNKS_TYPE),
        }
    )
    return Rows(name, table)


def gather(stages, cheap=None, documents=4, before=None):
    _, judge = tiny_judge(context_tokens=256)
    decider = Decider(judge, (), {ALL: BAND}, TABLE, cheap)
    made = Gathering(stages, before, decider, {"id": pa.string()}, counts_cheap_tokens=True)
    return made.rows(SHARD, documents)


def test_each_document_has_the_reward_or_the_side_that_it_was_given():
    sample = stage(SAMPLE, [(1, [2.0, 4.0], 2)])
    main = stage(MAIN, [(0, [5.0], 2), (2, [-3.0], 4), (3, [0.5, 0.75], 2)])
    rows = gather([sample, main])
    assert rows.column("row").to_pylist() == [0, 1, 2, 3]
    assert rows.column("side").to_pylist() == [1, 0, -1, 0]
    assert rows.column("key").to_pylist() == [SURE, 3.0, -SURE, 0.625]
    assert rows.column("stage").to_pylist() == [MAIN, SAMPLE, MAIN, MAIN]


def test_the_cheap_judges_numbers_are_not_the_judges():
    cheap = stage(CHEAP, [(0, [9.0], 2), (1, [5.0], 2), (2, [1.0], 2), (3, [6.0], 2)])
    rows = gather(
        [cheap, stage(SAMPLE, [(1, [2.0, 4.0], 2)]), stage(MAIN, [(3, [5.0], 2)])], SURE_CHEAP
    )
    assert rows.column("side").to_pylist() == [1, 0, -1, 1]
    assert rows.column("stage").to_pylist() == [CHEAP, SAMPLE, CHEAP, MAIN]
    assert rows.column("reward").to_pylist() == [None, 3.0, None, 5.0]
    assert rows.column("chunk_rewards").to_pylist() == [None, [2.0, 4.0], None, [5.0]]
    assert rows.column("cheap_reward").to_pylist() == [9.0, 5.0, 1.0, 6.0]


def test_a_document_that_no_stage_has_or_that_was_left_in_doubt_is_refused():
    with pytest.raises(Incomplete, match="1 of 4 documents are in the stages' rewards"):
        gather([stage(SAMPLE, [(1, [2.0], 1)])])
    with pytest.raises(Incomplete, match="f, row 0: judged only in part"):
        gather([stage(MAIN, [(0, [0.5], 2)])], documents=1)
    cheap = stage(CHEAP, [(0, [5.0], 2)])
    with pytest.raises(Incomplete, match="f, row 0: judged only in part"):
        gather([cheap, stage(SAMPLE, [(1, [2.0], 1)])], SURE_CHEAP, documents=2)


def test_a_wider_stage_goes_on_with_the_chunks_of_before():
    main = stage(MAIN, [(0, [5.0], 3), (1, [2.0], 1), (2, [-3.0], 3), (3, [0.5], 1)])
    before = Rows("decided", gather([main]))
    wider = stage("wider-1", [(2, [3.0, 6.0], 3)])
    rows = gather([wider], before=before)
    assert rows.column("chunk_rewards").to_pylist()[2] == [-3.0, 3.0, 6.0]
    assert rows.column("reward").to_pylist() == [5.0, 2.0, 2.0, 0.5]
    assert rows.column("side").to_pylist() == [1, 0, 0, 0]
    assert rows.column("key").to_pylist() == [SURE, 2.0, 2.0, 0.5]
    assert rows.column("stage").to_pylist()[2] == "wider-1"
