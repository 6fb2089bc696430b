"""After the last step: the judge is written, judged by the engines, and described."""

import logging
from typing import Any

import ray

from rm_ray.errors import RmRayError
from rm_ray.judges.sections import SECTIONS
from rm_ray.pairs.table import VALIDATION
from rm_ray.run.output.folder import RunFolder
from rm_ray.store.folder import Folder
from rm_ray.train.card import judge_yaml, model_card, trained_judge
from rm_ray.train.checkpoints import Checkpoint
from rm_ray.train.export import JUDGE, export
from rm_ray.train.task import Task
from rm_ray.train.verify import verify

log = logging.getLogger(__name__)


def finish(seen: Any, task: Task, found: Checkpoint, told: dict[str, Any]) -> None:
    """Write the judge, and what is needed to use it once the engines agree with the trainer.

    Raises:
        Incomplete: they do not.
    """
    config, run = task.config, seen.run
    place: Folder = run.root / JUDGE
    for name in ("judge.yaml", "README.md"):
        place.remove(name)  # until the engines agree
    log.info("writing the judge of step %d", found.step)
    _or_raise(ray.get(_export.options(num_cpus=0).remote(task, found)))
    keys = trained_judge(config.judge, place.uri)
    keys |= _storage(run)
    section = SECTIONS[keys["family"]](**keys)
    validation = task.source.load(VALIDATION, config)
    prompts = [prompt for number in told["numbers"] for prompt in validation.prompts(number)]
    scale = task.source.scale[1]
    expected = [scale * reward for reward in told["rewards"]]
    agreements = verify(config, section, prompts, expected)
    card = model_card(
        config,
        start=seen.start.name,
        data=task.source.told,
        metrics=told["metrics"],
        agreements=agreements,
        steps=found.step,
    )
    place.overwrite("README.md", card.encode())
    place.overwrite("judge.yaml", judge_yaml(keys, config.train.precision).encode())


def _storage(run: RunFolder) -> dict[str, Any]:
    """How the judge's store is reached, where it is one."""
    if "://" not in run.uri:
        return {}
    storage = run.root.storage.model_dump(mode="json", exclude_defaults=True)
    return {"storage": storage} if storage else {}


@ray.remote(max_calls=1)
def _export(task: Task, found: Checkpoint) -> RmRayError | None:
    """An error as a value: raised, Ray would wrap it."""
    try:
        export(task, found)
    except RmRayError as error:
        return error
    return None


def _or_raise(answer: RmRayError | None) -> None:
    if answer is not None:
        raise answer
