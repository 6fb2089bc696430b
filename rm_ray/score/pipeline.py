"""The scoring job's stages, from units of the corpus to packed rows of rewards.

Between the stages a shard travels as one row of the dataset (run/output/shard_row).
"""

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset, TaskPoolStrategy

from rm_ray.cluster import TASK_CPUS, reserved_cpus
from rm_ray.config import PoolConfig, ReadConfig
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.shards import Piece
from rm_ray.engines.engine import EngineSettings
from rm_ray.judges.calibration import Calibration
from rm_ray.judges.judge import DocumentTokenizer, Judge
from rm_ray.run.faults.tally import Tally
from rm_ray.run.shard_job import Round
from rm_ray.score.config import ScoreConfig
from rm_ray.score.engine_actor import EngineActor
from rm_ray.score.examples import Examples
from rm_ray.score.judge_actor import JudgeActor
from rm_ray.score.known_good import known_good
from rm_ray.score.planning import SHARDS_PER_ACTOR
from rm_ray.score.read_stage import ReadStage

# Shards share a block of about a million token ids, where there are so many for each actor.
BLOCK_BYTES, TOKEN_BYTES = 4 << 20, 4
# One block is judged while the next lies ready beside it.
BLOCKS_PER_ACTOR = 2


@dataclass(frozen=True)
class Judging:
    """Who judges what: all that the stages need of a job. `types`: of the copied columns."""

    config: ScoreConfig
    tokenizer: DocumentTokenizer
    judge: Judge
    engine: EngineSettings
    examples: Examples
    types: Mapping[str, pa.DataType]
    calibration: Calibration | None = None


def stages(judging: Judging, units: Dataset, this: Round[ReadUnit]) -> Dataset:
    """Read and judge the units of a round."""
    config = judging.config
    tokenizer_ref, judge_ref = ray.put(judging.tokenizer), ray.put(judging.judge)
    alone = share_blocks(units, this)
    control = known_good(this.results(), config.input, tokenizer_ref) if alone else None

    documents = read(
        units, ReadStage(config.input, tokenizer_ref, this.tally, judging.types), config.read, this
    )
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


def share_blocks(units: Dataset, this: Round[ReadUnit]) -> bool:
    """Have shards share blocks, where there are many; whether some documents are to be alone.

    A block is what a failure costs, and what an actor gets: few rows share none.
    """
    shards = [shard for unit in this.units for shard in unit.shards]
    alone = any(isinstance(shard, Piece) and shard.alone for shard in shards)
    share = not alone and len(shards) >= SHARDS_PER_ACTOR * this.engines
    _set_data_context(units.context, BLOCK_BYTES if share else 1)
    return alone


def read(units: Dataset, stage: ReadStage, config: ReadConfig, this: Round[ReadUnit]) -> Dataset:
    """Read the units beside engines, which have the CPUs."""
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
        arguments: of the actor's constructor.
    """

    def remote_args() -> dict[str, Any]:
        failed = this.tally.call(Tally.failed_machines)
        # a retried unit is declined by the tally, so retries end by themselves
        args: dict[str, Any] = {"max_task_retries": -1}
        if failed or this.avoided:
            args["label_selector"] = _elsewhere(failed.union(this.avoided))
            args["fallback_strategy"] = [{"label_selector": _elsewhere(failed)}]
        return args

    return documents.map_batches(
        actor,
        fn_constructor_args=arguments,
        # a call a shard, a task a block: Ray refuses None, a call a block, beside GPUs
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=reserved_cpus(pool),
        num_gpus=pool.gpus,
        compute=ActorPoolStrategy(
            min_size=min(pool.min_actors, this.engines),
            max_size=this.engines,
            # all at once: Ray Data would have a second one start when the first is ready
            initial_size=this.engines,
            max_tasks_in_flight_per_actor=BLOCKS_PER_ACTOR,
        ),
        # an environment of its own also keeps Ray from fusing reading into the actor
        runtime_env={"env_vars": engine.environment()},
        ray_remote_args_fn=remote_args,
    )


def blocks_wanted(this: Round[ReadUnit]) -> float:
    """Blocks of about BLOCK_BYTES of token ids, and several for each engine."""
    tokens = [unit.tokens for unit in this.units]
    if not any(tokens):  # unknown, of a plan of an older rm_ray
        return len(tokens)
    return max(sum(tokens) * TOKEN_BYTES / BLOCK_BYTES, SHARDS_PER_ACTOR * this.engines)


def _reading_tasks(this: Round[ReadUnit]) -> int:
    """A core reads for many engines of a large model, and for about one of a small model."""
    return min(max(2, this.engines), len(this.units))


def _elsewhere(machines: Collection[str]) -> dict[str, str]:
    """A label selector for all machines but these, given by node ids."""
    return {"ray.io/node-id": f"!in({','.join(sorted(machines))})"} if machines else {}


def _set_data_context(context: DataContext, block_bytes: int) -> None:
    """`context`: of the dataset that the units came with; it has a copy of the current one."""
    # Ray 2.60 has no named parameter for max_task_retries, and warns of the one that takes it
    warnings.filterwarnings("ignore", "`ray_remote_args_fn`")
    context.target_max_block_size = block_bytes
    # an engine takes minutes to start: none is dropped while there is work, however little
    context.autoscaling_config.actor_pool_util_downscaling_threshold = -1.0
