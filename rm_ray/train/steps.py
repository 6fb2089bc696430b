"""How long the training is, and what its workers are told."""

from typing import Protocol

from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.pairs.reading import TRAIN, VALIDATION, PairsSource
from rm_ray.run.output.folder import RunFolder
from rm_ray.train.config import TrainConfig
from rm_ray.train.data import Source, check_enough, check_split
from rm_ray.train.loop import Task
from rm_ray.train.model import Shape
from rm_ray.train.start import Start


class Seen(Protocol):
    """What the driver knows of the judge and of what it learns from."""

    config: TrainConfig
    start: Start
    judge: PreferenceJudge
    pairs: PairsSource
    kinds: dict[str, dict[str, int]]
    run: RunFolder


def check_examples(seen: Seen) -> int:
    """How many steps the training has.

    Raises:
        InputError: there are too few examples.
    """
    for split in (TRAIN, VALIDATION):
        check_split(split, sum(seen.kinds.get(split, {}).values()))
    count = sum(seen.kinds[TRAIN].values())
    check_enough(count, seen.config)
    if seen.config.train.steps:
        return seen.config.train.steps
    return max(1, int(seen.config.train.epochs * (count // seen.config.pairs_a_step)))


def task_of(seen: Seen, steps: int) -> Task:
    """What a worker has to know."""
    return Task(
        config=seen.config,
        shape=Shape(
            start=seen.start,
            labels=seen.judge.label_ids,
            whole_head=seen.config.train.language_weight > 0,
        ),
        source=Source(seen.judge, seen.pairs),
        output=seen.run.root,
        steps=steps,
    )
