"""The files beside the weights: `judge.yaml`, for --judge, and the model card."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from rm_ray.judges.keys import JudgeSection
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.train.config import TrainConfig
from rm_ray.train.verify import Agreement, tolerance_of

# Keys that shape a preference judge's prompts. They are written as they were in training.
_ASKED_BY = (
    *("chosen", "rejected", "before_chunk", "after_chunk", "bos", "special_markers"),
    *("chunk_tokens", "context_tokens", "hop_tokens", "judge_first_chunk"),
)


def trained_judge(judge: JudgeSection, address: str) -> dict[str, Any]:
    """Return the judge's keys for `judge.yaml`, without those of its store.

    Args:
        judge: the judge's section in the training.
        address: the folder of the written judge.
    """
    base: dict[str, Any] = {"family": judge.family, "model": address}  # type: ignore[attr-defined]
    if isinstance(judge, PreferenceConfig):
        keys = judge.model_dump(mode="json")
        return base | {key: keys[key] for key in _ASKED_BY}
    given = judge.model_dump(mode="json", exclude_defaults=True)
    kept = {key: given[key] for key in ("max_tokens", "truncate") if key in given}
    return base | kept


def judge_yaml(keys: Mapping[str, Any], precision: str) -> str:
    """Return the text of `judge.yaml`."""
    comment = "# A judge trained by rm_ray; README.md in this folder describes the training.\n"
    content = {**keys, "engine": {"dtype": precision}}
    return comment + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def model_card(
    config: TrainConfig,
    *,
    start: str,
    data: Mapping[str, Any],
    metrics: Mapping[str, float],
    agreements: Sequence[Agreement],
    steps: int,
) -> str:
    """Return the model card: the model's origin, its data and its measures."""
    train = config.train
    rows = [
        ("Made from", f"{start}{', random weights' if train.from_scratch else ''}"),
        ("Objective", train.objective),
        ("Weights", f"LoRA, rank {train.lora.rank}" if train.lora.rank else "all trained"),
        ("Precision", train.precision),
        ("Steps", f"{steps}, of {train.batch_windows} windows"),
        ("Learning rate", f"{train.schedule.learning_rate:g}, {train.schedule.kind}"),
        *((name, _told(value)) for name, value in data.items()),
    ]
    figures = [(name.replace("_", " "), f"{value:.4f}") for name, value in metrics.items()]
    agreed = "; ".join(map(str, agreements))
    return "\n".join(
        [
            "# A judge trained by rm_ray",
            "",
            "Score a corpus with it: `python jobs/score.py --judge judge.yaml`.",
            "",
            *_table(("", ""), rows),
            "",
            "## Quality on the validation split (its documents are not in the training split)",
            "",
            *_table(("measure", "value"), figures),
            "",
            f"The engines judged windows of the validation split. Their rewards differ from the "
            f"trainer's by at most: {agreed}; {tolerance_of(config):g} was allowed.",
            "",
        ]
    )


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {count:,}" for name, count in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


def _table(head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> list[str]:
    return [f"| {head[0]} | {head[1]} |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)]
