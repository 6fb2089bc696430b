"""The code of a training worker, from the last checkpoint to the last step."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import accelerate.utils.environment
import torch
import transformers

from rm_ray.pairs.table import TRAIN, VALIDATION
from rm_ray.store.folder import Folder
from rm_ray.train.checkpoints import SCRATCH, Checkpoints, scratch_near
from rm_ray.train.metrics import Metrics
from rm_ray.train.task import Task
from rm_ray.train.trainer import JudgeTrainer

log = logging.getLogger(__name__)


def worker(told: dict[str, Task]) -> None:
    """Train as one of Ray Train's workers.

    Args:
        told: the task, under the key "task".
    """
    import ray.train

    context = ray.train.get_context()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    train(told["task"], context.get_world_rank(), context.get_world_size())


def quieten() -> None:
    """Show only errors of transformers, and no progress bars."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def train(task: Task, rank: int = 0, workers: int = 1) -> None:
    """Train from the last checkpoint to the last step, then write the trainer's final report.

    Raises:
        Incomplete: a loss is not a number, or the disk has no room for a checkpoint.
    """
    config = task.config
    quieten()
    if not config.workers.gpus:
        torch.set_num_threads(max(1, int(config.workers.cpus)))
    examples, validation = (task.source.load(split, config) for split in (TRAIN, VALIDATION))
    if rank == 0:
        counts = len(examples.lengths), len(validation.lengths)
        log.info("%d training examples, %d validation examples", *counts)
    checkpoints = Checkpoints(task.output, config.checkpoints.keep)
    last = checkpoints.last()
    step = last.step if last else 0
    with _scratch(task.output) as scratch, environment_kept():
        trainer = JudgeTrainer(
            task=task,
            examples=examples,
            validation=validation,
            rank=rank,
            workers=workers,
            scratch=scratch,
            checkpoints=checkpoints,
            metrics=Metrics(task.output, step, task.steps, config.log.tensorboard)
            if rank == 0
            else None,
        )
        trainer.go(last)
        trainer.write_down()


@contextmanager
def environment_kept() -> Iterator[None]:
    """Keep accelerate from taking the environment away from the process's other threads.

    accelerate deletes every variable for a moment, twice in a training, to see the defaults of
    its own settings. Ray's threads read variables at any moment. With glibc before 2.41 such a
    reader can end the process (SIGSEGV in getenv), and a thread that opens a store then finds no
    credentials. The settings that are made here read no variables.
    """
    clears = accelerate.utils.environment.clear_environment
    accelerate.utils.environment.clear_environment = nullcontext
    try:
        yield
    finally:
        accelerate.utils.environment.clear_environment = clears


@contextmanager
def _scratch(output: Folder) -> Iterator[Path]:
    """Give this worker its own scratch folder for unfinished files, and remove it at the end."""
    if near := scratch_near(output):
        near.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=near))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
