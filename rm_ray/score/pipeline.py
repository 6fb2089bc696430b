"""Puts the scoring job's stages together, from units of the corpus to packed rows of rewards.

Between the stages a shard travels as one row of the dataset (run/output/shard_row).
"""

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset, TaskPoolStrategy

from rm_ray.cluster.fit import TASK_CPUS, reserved_cpus
from rm_ray.config import PoolConfig, ReadConfig
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.shards import Piece
from rm_ray.corpus.tables.deleted import NOTHING, Deleted
from rm_ray.engines.engine import EngineSettings
from rm_ray.judges.calibration import Calibration
from rm_ray.judges.judge import DocumentTokenizer, Judge
from rm_ray.run.faults.tally import Tally
from rm_ray.run.shard_job import Round
from rm_ray.score.config import ScoreConfig
from rm_ray.score.engine_actor import EngineActor
from rm_ray.score.examples import JudgeExamples
from rm_ray.score.judge_actor import JudgeActor
from rm_ray.score.known_good import known_good
from rm_ray.score.planning import SHARDS_PER_ACTOR
from rm_ray.score.read_stage import ReadStage

# Shards share blocks if there are enough shards for each actor. The parts of a block are written
# when its last shard is judged, and a lost engine loses its block. So a block has about so many
# tokens if the engine has a GPU, and far fewer if it has none: a core takes minutes for a million.
GPU_BLOCK_TOKENS, CPU_BLOCK_TOKENS = 1 << 20, 1 << 15
# Bytes of a token id.
TOKEN_BYTES = 4
# While an actor judges one block, the next one is ready.
BLOCKS_PER_ACTOR = 2


@dataclass(frozen=True)
class Judging:
    """Judging holds everything that the stages need of a job."""

    config: ScoreConfig
    """The job's configuration."""
    tokenizer: DocumentTokenizer
    """The tokenizing half of the judge."""
    judge: Judge
    """The asking half of the judge."""
    engine: EngineSettings
    """How to start an engine."""
    examples: JudgeExamples
    """Documents with published rewards, which every engine judges first."""
    types: Mapping[str, pa.DataType]
    """Types of the copied columns, by name."""
    calibration: Calibration | None = None
    """Makes the column `p_chosen`; None for no such column."""
    deleted: Deleted = NOTHING
    """Rows that the table of the corpus has deleted."""


def stages(judging: Judging, units: Dataset, this: Round[ReadUnit]) -> Dataset:
    """Read and judge the units of a round."""
    config = judging.config
    tokenizer_ref, judge_ref = ray.put(judging.tokenizer), ray.put(judging.judge)
    alone = share_blocks(units, this, config.pool)
    control = known_good(this.results(), config.input, tokenizer_ref) if alone else None

    stage = ReadStage(config.input, tokenizer_ref, this.tally, judging.types, judging.deleted)
    documents = read(units, stage, config.read, this)
    rewards = with_engines(
        documents,
        JudgeActor,
        (
            judging.engine,
            judge_ref,
            judging.examples,
            this.tally,
            control,
            judging.calibration,
        ),
        judging.engine,
        config.pool,
        this,
    )
    return this.commit(rewards)


def share_blocks(units: Dataset, this: Round[ReadUnit], pool: PoolConfig) -> bool:
    """Let shards share blocks if there are many.

    A failure costs a whole block, and an actor gets whole blocks. So shards do not share blocks if
    there are few of them, or if some documents are to be judged alone.

    Returns:
        True if some documents are to be judged alone.
    """
    shards = [shard for unit in this.units for shard in unit.shards]
    alone = any(isinstance(shard, Piece) and shard.alone for shard in shards)
    share = not alone and len(shards) >= SHARDS_PER_ACTOR * this.engines
    _set_data_context(units.context, _block_tokens(pool) * TOKEN_BYTES if share else 1)
    return alone


def read(units: Dataset, stage: ReadStage, config: ReadConfig, this: Round[ReadUnit]) -> Dataset:
    """Read and tokenise the units, in tasks that run beside the engines."""
    return units.map_batches(
        stage,
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=TASK_CPUS,
        compute=TaskPoolStrategy(config.max_tasks or _reading_tasks(this)),
    )


def with_engines(
    documents: Dataset,
    actor: type[EngineActor],
    arguments: tuple[Any, ...],
    engine: EngineSettings,
    pool: PoolConfig,
    this: Round[ReadUnit],
) -> Dataset:
    """Take packed documents through actors, one engine each.

    Args:
        documents: blocks of packed shards and pieces.
        actor: the class of the actors.
        arguments: arguments of the actor's constructor.
        engine: how to start an engine.
        pool: how many actors there may be, and their resources.
        this: the round.
    """

    def remote_args() -> dict[str, Any]:
        failed = this.tally.call(Tally.failed_machines)
        # retries need no limit, because the tally declines a unit that is retried
        args: dict[str, Any] = {"max_task_retries": -1}
        if failed or this.avoided:
            args["label_selector"] = _elsewhere(failed.union(this.avoided))
            args["fallback_strategy"] = [{"label_selector": _elsewhere(failed)}]
        return args

    return documents.map_batches(
        actor,
        fn_constructor_args=arguments,
        # one call per shard, one task per block. None would mean one call per block, but Ray
        # refuses None for actors with GPUs
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=reserved_cpus(pool),
        num_gpus=pool.gpus,
        compute=ActorPoolStrategy(
            min_size=min(pool.min_actors, this.engines),
            max_size=this.engines,
            # start all actors at once: by default Ray Data starts a second one only when the first
            # is ready
            initial_size=this.engines,
            max_tasks_in_flight_per_actor=BLOCKS_PER_ACTOR,
        ),
        # a separate environment also keeps Ray from fusing the reading stage into the actor
        runtime_env={"env_vars": engine.environment()},
        ray_remote_args_fn=remote_args,
    )


def blocks_wanted(this: Round[ReadUnit], pool: PoolConfig) -> float:
    """Return how many blocks the units should travel in, so that each engine gets several."""
    tokens = [unit.tokens for unit in this.units]
    if not any(tokens):  # the plan of an older rm_ray does not say how many tokens a unit has
        return len(tokens)
    return max(sum(tokens) / _block_tokens(pool), SHARDS_PER_ACTOR * this.engines)


def _block_tokens(pool: PoolConfig) -> int:
    """Return how many tokens a block has, about, if shards share blocks."""
    return GPU_BLOCK_TOKENS if pool.gpus else CPU_BLOCK_TOKENS


def _reading_tasks(this: Round[ReadUnit]) -> int:
    """Return how many tasks may read at once: one per engine, but at least two.

    One core can read for many engines of a large model, but only for about one of a small model.
    """
    return min(max(2, this.engines), len(this.units))


def _elsewhere(machines: Collection[str]) -> dict[str, str]:
    """Return a label selector for all machines but these.

    Args:
        machines: node ids.
    """
    return {"ray.io/node-id": f"!in({','.join(sorted(machines))})"} if machines else {}


def _set_data_context(context: DataContext, block_bytes: int) -> None:
    """Set the size of blocks, and keep all actors until the end.

    Args:
        context: the context of the dataset of units, a copy of the current one.
        block_bytes: bytes of a block, about.
    """
    # Ray 2.60 takes max_task_retries only through ray_remote_args_fn, and warns about that
    warnings.filterwarnings("ignore", "`ray_remote_args_fn`")
    context.target_max_block_size = block_bytes
    # an engine takes minutes to start, so no actor is stopped while there is any work left
    context.autoscaling_config.actor_pool_util_downscaling_threshold = -1.0
