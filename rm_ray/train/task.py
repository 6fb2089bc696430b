"""The training task: the examples, their source, and all that a worker is given.

Nothing here imports torch, so the driver can use it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rm_ray.engines.engine import Prompt
from rm_ray.errors import ConfigError, InputError
from rm_ray.pairs.table import TRAIN, VALIDATION
from rm_ray.store.folder import Folder
from rm_ray.train.config import TrainConfig
from rm_ray.train.start import TrainingStart

Numbers = npt.NDArray[np.int64]


class TrainingExamples(Protocol):
    """Numbered examples, held in the memory of a worker."""

    @property
    def lengths(self) -> Numbers:
        """Return the number of tokens in each example's context, the text before its own chunk."""

    @property
    def documents(self) -> Numbers:
        """Return the number of each example's document."""

    @property
    def wanted(self) -> npt.NDArray[np.float64] | None:
        """Return the target reward of each example; None for pairs."""

    @property
    def around(self) -> int:
        """Return the number of tokens in a window besides its context."""

    def batch(self, numbers: Sequence[int], *, packed: bool, targets: bool) -> dict[str, Any]:
        """Return the model's inputs and the training targets of these examples, as tensors.

        Args:
            packed: put windows that share their context into one sequence.
            targets: also return the next tokens of real text as targets.
        """

    def prompts(self, number: int) -> list[Prompt]:
        """Return the prompts that an engine is given for an example; it returns one answer per
        prompt.
        """

    def name(self, number: int) -> str:
        """Describe where an example comes from, for messages."""


class TrainingSource(Protocol):
    """A TrainingSource holds the training data. It is sent to the workers, and each worker reads
    for itself.
    """

    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Return the number of examples by split, then by kind."""

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Return values that identify the content of the data."""

    @property
    def told(self) -> dict[str, Any]:
        """Return the lines about the data for the model card, by title."""

    @property
    def scale(self) -> tuple[float, float]:
        """Return the mean and standard deviation that normalise the rewards; 0 and 1 if nothing
        does.
        """

    def load(self, split: str, config: TrainConfig) -> TrainingExamples:
        """Return the examples of a split. The validation examples are a seeded sample.

        Raises:
            InputError: the examples cannot be read, or they do not belong to this judge.
        """


@dataclass(frozen=True)
class Shape:
    """A Shape says what model to build: a language model read at labels, or a classifier of
    one label.
    """

    start: TrainingStart
    """The model that training begins with, and its tokenizer."""
    labels: tuple[int, ...]
    """Token ids of the labels; empty for a classifier."""
    whole_head: bool
    """True to keep all rows of the head, because next-token prediction is trained as well."""


@dataclass(frozen=True)
class Task:
    """A Task holds everything that a training worker is given."""

    config: TrainConfig
    """The configuration of the job."""
    shape: Shape
    """The model to build."""
    source: TrainingSource
    """The training data."""
    output: Folder
    """The run's folder."""
    steps: int
    """Optimizer steps of the whole training."""

    @property
    def state(self) -> Folder:
        """Return the run's internal folder, `_rm_ray`."""
        return self.output / "_rm_ray"


def steps_of(counts: Mapping[str, Mapping[str, int]], config: TrainConfig) -> int:
    """Return the number of optimizer steps of the training.

    Raises:
        InputError: a split has no examples, or the training split does not fill one step.
        ConfigError: the learning rate would never rise to its highest.
    """
    section = "rewards" if config.train.objective == "rewards" else "pairs"
    for split in (TRAIN, VALIDATION):
        if not sum(counts.get(split, {}).values()):
            raise InputError(
                f"{section}.path: there is no example in the split {split!r}; take more documents"
            )
    count = sum(counts[TRAIN].values())
    if count < config.pairs_a_step:
        raise InputError(
            f"{section}.path: {count} training examples do not fill one step of "
            f"{config.pairs_a_step}; lower --train.batch_windows, or take more documents"
        )
    steps = config.train.steps or max(1, int(config.train.epochs * (count // config.pairs_a_step)))
    if (warmup := config.train.schedule.warmup_steps) >= steps:
        raise ConfigError(
            f"train.schedule.warmup_steps is {warmup}, and the training has {steps} steps: the "
            "learning rate would never rise to its highest; give fewer steps of warm-up"
        )
    return steps
