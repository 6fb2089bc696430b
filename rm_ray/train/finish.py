"""The last part of a run: write the judge, verify it with the engines, and describe it."""

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
    """Write the judge, verify it, then write `judge.yaml` and the model card.

    Args:
        seen: the TrainingLook of the run.
        found: the checkpoint of the last step.
        told: the trainer's final report.

    Raises:
        Incomplete: an engine gives other rewards than the trainer.
    """
    config, run = task.config, seen.run
    place: Folder = run.root / JUDGE
    for name in ("judge.yaml", "README.md"):
        place.remove(name)  # written again once the engines agree
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
    """Return the judge's key `storage`, if the judge is in a store and the key is not the
    default.
    """
    if "://" not in run.uri:
        return {}
    storage = run.root.storage.model_dump(mode="json", exclude_defaults=True)
    return {"storage": storage} if storage else {}


@ray.remote(max_calls=1)
def _export(task: Task, found: Checkpoint) -> RmRayError | None:
    """Export the judge. An RmRayError is returned, because Ray would wrap a raised one."""
    try:
        export(task, found)
    except RmRayError as error:
        return error
    return None


def _or_raise(answer: RmRayError | None) -> None:
    if answer is not None:
        raise answer
