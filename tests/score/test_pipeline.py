"""What the stages ask of Ray for a round."""

import pytest

from rm_ray.config import PoolConfig
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.shards import Piece, Shard
from rm_ray.run.pipeline import blocks, round_of
from rm_ray.run.shard_job import Round
from rm_ray.score.config import ScoreConfig
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.job import ScoreJob
from rm_ray.score.pipeline import CPU_BLOCK_TOKENS, GPU_BLOCK_TOKENS, TOKEN_BYTES, blocks_wanted
from rm_ray.score.planning import ScorePlanning
from tests import fault_engine
from tests.conftest import TINY_JUDGE


@pytest.mark.parametrize(
    ("shards", "gpus", "block_bytes"),
    [
        ([Shard("f", i, i + 1) for i in range(32)], 0, CPU_BLOCK_TOKENS * TOKEN_BYTES),
        ([Shard("f", i, i + 1) for i in range(32)], 1, GPU_BLOCK_TOKENS * TOKEN_BYTES),
        ([Shard("f", i, i + 1) for i in range(7)], 0, 1),  # each actor gets one of its own
        ([Piece("f", i, i + 1, alone=True) for i in range(32)], 0, 1),
    ],
)
def test_blocks_are_shared_where_there_are_many_and_no_engine_is_dropped(
    shards, gpus, block_bytes, ray_cluster
):
    config = ScoreConfig.model_validate(
        {
            "input": {"path": "in"},
            "output": {"path": "out"},
            "pool": {"gpus": gpus},
            "judge": {"model": str(TINY_JUDGE), "context_tokens": 256},
            "engine": {"name": fault_engine.NAME},
        }
    )
    unit = ReadUnit("f", {}, 0, 1, 0, tuple(shards))
    nothing = ScorePlanning(
        files=[], replaced=[], skipped={}, columns={}, estimate=ScoreCounts(), continued={}
    )
    context = round_of(round_with([unit], 2), ScoreJob(config), nothing).context
    assert context.target_max_block_size == block_bytes
    assert context.autoscaling_config.actor_pool_util_downscaling_threshold < 0
    assert context.max_errored_blocks == -1


@pytest.mark.parametrize(
    ("count", "tokens", "engines", "gpus", "expected"),
    [
        (2_000, 600, 1, 1, 8),  # tiny files share blocks, several for each engine
        (2_000, 600, 16, 1, 128),
        (2_000, 600, 1, 0, 37),  # 1,200,000 tokens of slow engines: 32,768 in a block
        (100, 8_000_000, 4, 1, 100),  # large ones get one each
        (2_000, 0, 1, 1, 256),  # unknown, of a plan of an older rm_ray
    ],
)
def test_units_travel_in_no_more_blocks_than_pays(count, tokens, engines, gpus, expected):
    """2,000 files of three rows were 256 blocks, and each costs Ray some tasks."""
    unit = ReadUnit("f", {}, 0, 1, 0, (Shard("f", 0, 1),), row_tokens=tokens)
    pool = PoolConfig(gpus=gpus)
    assert blocks(count, blocks_wanted(round_with([unit] * count, engines), pool)) == expected


def round_with(units, engines):
    return Round(
        units,
        avoided=[],
        engines=engines,
        tally=None,
        results=lambda: iter(()),
        commit=lambda rows: rows,
        run=None,
        fingerprint="",
    )
