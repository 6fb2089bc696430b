"""The fingerprint of a filter: every setting that a kept row depends on, and no other setting."""

from collections.abc import Sequence
from typing import Any

from rm_ray.filter.condition import LANGUAGE
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.count.left_out import LeftOut
from rm_ray.scored.run import ScoredRun


def fingerprint(
    config: FilterConfig, runs: Sequence[ScoredRun], kind: str, left_out: LeftOut
) -> dict[str, Any]:
    """Return the settings that the kept rows depend on, key by key.

    Args:
        config: the filter's configuration.
        runs: the scoring runs.
        kind: the kind of the numbers that documents are chosen by; float32, the usual kind, is left
            out.
        left_out: the documents that are left out, one by one.
    """
    rewards, output = config.rewards, config.output
    rule = config.rule.model_dump(mode="json")
    del rule["short"]  # decides only whether the filter is refused
    deliver = config.deliver.model_dump(mode="json") if config.deliver.is_asked else {}
    return {
        "rewards.path": [run.uri for run in runs],
        "rewards": [run.fingerprint for run in runs],
        "rewards.column": rewards.column,
        **({} if kind == "float32" else {"rewards.numbers": kind}),
        "rewards.combine": rewards.combine if len(runs) > 1 else None,
        **{f"rule.{name}": value for name, value in rule.items()},
        **({"rule.where is read by": LANGUAGE} if rule["where"] else {}),
        **({"leave_out": left_out.digest} if left_out.digest else {}),
        **{f"deliver.{name}": value for name, value in deliver.items()},
        **{
            f"output.{name}": getattr(output, name)
            for name in ("kind", "add", "buckets", "row_group_rows", "codec")
        },
    }
