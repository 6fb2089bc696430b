"""What is known before torch is imported: what is learnt from, and what a worker has to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rm_ray.engines.engine import Prompt
from rm_ray.errors import InputError
from rm_ray.pairs.table import TRAIN, VALIDATION
from rm_ray.store.folder import Folder
from rm_ray.train.config import TrainConfig
from rm_ray.train.start import Start

Numbers = npt.NDArray[np.int64]


class Examples(Protocol):
    """Numbered examples, as a worker holds them."""

    @property
    def lengths(self) -> Numbers:
        """Tokens of each example's context: what comes before its own tokens."""

    @property
    def documents(self) -> Numbers:
        """The number of each example's document."""

    @property
    def wanted(self) -> npt.NDArray[np.float64] | None:
        """The reward that each is to get; None of pairs."""

    @property
    def around(self) -> int:
        """Tokens of a window besides its context."""

    def batch(self, numbers: Sequence[int], *, packed: bool, targets: bool) -> dict[str, Any]:
        """The model's inputs for these examples, and what is expected, as tensors.

        Args:
            packed: windows that share their context are one sequence.
            targets: the next tokens of real text are expected too.
        """

    def prompts(self, number: int) -> list[Prompt]:
        """What an engine is asked about an example; an answer each."""

    def name(self, number: int) -> str:
        """Where an example comes from, in words."""


class Source(Protocol):
    """What is learnt from. It travels to the workers, and each reads for itself."""

    @property
    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """How many examples there are of each kind, by split."""

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What it holds, by content."""

    @property
    def told(self) -> dict[str, Any]:
        """What the model card says of it."""

    @property
    def scale(self) -> tuple[float, float]:
        """The rewards' mean and standard deviation, by which they are learnt; 0 and 1 for none."""

    def load(self, split: str, config: TrainConfig) -> Examples:
        """The examples of a split; those to measure with are a seeded choice.

        Raises:
            InputError: they cannot be read, or are not this judge's.
        """


@dataclass(frozen=True)
class Shape:
    """What is built: a language model that is read at labels, or a classifier of one label."""

    start: Start
    labels: tuple[int, ...]
    """Tokens of the labels; empty for a classifier."""
    whole_head: bool
    """The head keeps all its rows while it learns: the language is learnt beside the labels."""


@dataclass(frozen=True)
class Task:
    """Everything that a worker has to know. `output`: the run's folder; `steps`: of all."""

    config: TrainConfig
    shape: Shape
    source: Source
    output: Folder
    steps: int

    @property
    def state(self) -> Folder:
        """The run's own folder of files."""
        return self.output / "_rm_ray"


def steps_of(counts: Mapping[str, Mapping[str, int]], config: TrainConfig) -> int:
    """How many steps the training has.

    Raises:
        InputError: a split has no example, or there are too few to learn from.
    """
    what = "rewards" if config.train.objective == "rewards" else "pairs"
    for split in (TRAIN, VALIDATION):
        if not sum(counts.get(split, {}).values()):
            raise InputError(
                f"{what}.path: there is nothing of the split {split!r}; take more documents"
            )
    count = sum(counts[TRAIN].values())
    if count < config.pairs_a_step:
        raise InputError(
            f"{what}.path: {count} examples to learn from do not fill one step of "
            f"{config.pairs_a_step}; lower --train.batch_windows, or take more documents"
        )
    if config.train.steps:
        return config.train.steps
    return max(1, int(config.train.epochs * (count // config.pairs_a_step)))
