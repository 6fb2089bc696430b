"""From the rule as it is typed to what each group may keep."""

import logging
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from rm_ray.counts.cuts import Cut, Cuts, Weight
from rm_ray.counts.order import keys_of, least_at, number_at
from rm_ray.errors import InputError
from rm_ray.filter.config import FilterConfig, RuleConfig
from rm_ray.filter.quotas import ELSE
from rm_ray.scored.groups import group_name

log = logging.getLogger(__name__)

INTEGERS = ("int64", "uint64")


def weight_of(rule: RuleConfig) -> Weight:
    """What budgets are counted in: documents, or what stands in the place of tokens."""
    if rule.choice == "keep_tokens" or rule.weight != "documents":
        return "tokens"
    return "documents"


def weight_name(rule: RuleConfig) -> str:
    """What budgets are counted in, for people."""
    return rule.weight_column or weight_of(rule)


def fixed_cuts(rule: RuleConfig, kind: str) -> Cuts | None:
    """The cuts, where they are known without counting: the same for all groups.

    Args:
        rule: as it is typed.
        kind: of the numbers that documents are ordered by (counts.order.KINDS).
    """
    if rule.relative:
        return None
    if rule.min_reward is None:
        return Cuts([], [], [None])
    least = least_at(kind, rule.min_reward)
    if kind in INTEGERS and least > np.iinfo(kind).max:
        return Cuts([], [], [Cut(0, 0, "", 0)])  # before it is nothing
    keys, finer = keys_of(np.array([least], kind))
    if finer is None:
        return Cuts([], [], [Cut(int(keys[0]) + 1, 0, "", 0)])
    more, rest = divmod(int(finer[0]) + 1, 1 << 32)
    return Cuts([], [], [Cut(int(keys[0]) + more, rest << 32, "", 0)])


def number_of(cut: Cut, kind: str) -> float | int:
    """The number that a cut is at: of the first document beyond it, or the least that is kept."""
    finer = cut.hash >> 32
    if cut.file:
        return number_at(kind, cut.key, finer)
    if kind == "float32":
        return number_at(kind, cut.key - 1)
    return number_at(kind, *divmod(max(0, (cut.key << 32 | finer) - 1), 1 << 32))


def budgets(
    config: FilterConfig, groups: Sequence[str], supply: Sequence[tuple[int, int]]
) -> list[list[int]]:
    """How much of each group is before each of its cuts, in documents or tokens.

    Args:
        supply: documents and tokens of each group that have a reward and count; there may be none.

    Raises:
        InputError: a group has no quota or less than its quota, or a quota has no group.
    """
    if (buckets := config.output.buckets) is not None:
        # the document at rank r from the worst, of n, is in bucket (r + 1/2) * buckets // n: one
        # alone is in the middle, not among the worst
        return [
            [(2 * documents * i + buckets) // (2 * buckets) for i in range(1, buckets)]
            for documents, _ in supply
        ]
    rule = config.rule
    key = f"rule.{rule.choice}"
    _check_groups(key, rule, dict(zip(groups, (one[0] for one in supply), strict=True)))
    found = []
    for label, (documents, tokens) in zip(groups, supply, strict=True):
        quota = rule.quotas.get(label, rule.quotas.get(ELSE, Decimal(0)))
        there = tokens if weight_of(rule) == "tokens" else documents
        if rule.choice == "keep_fraction":
            wanted = int((quota * there).to_integral_value(ROUND_HALF_UP))
        else:
            wanted = int(quota)
            if wanted > there and rule.short == "refuse":
                raise InputError(
                    f"{key}: {wanted:,} {weight_name(rule)} are asked for of {_whose(label)}, and "
                    f"{there:,} are there; ask for less, or take all there are: "
                    "--rule.short take_all"
                )
        found.append([wanted])
    return found


def _check_groups(key: str, rule: RuleConfig, documents: Mapping[str, int]) -> None:
    """`documents`: of each group, those that have a reward and count."""
    quotas, groups = rule.quotas, [label for label, count in documents.items() if count]
    if ELSE not in quotas and (without := [label for label in groups if label not in quotas]):
        raise InputError(
            f"{key} has no number for {_several(without)}; give one, or one for all others as "
            f"'{ELSE}'"
        )
    named = [label for label, quota in quotas.items() if quota or label not in documents]
    unknown = [label for label in named if label != ELSE and not documents.get(label)]
    if not unknown:
        return
    said = f"{key}: no document of {_several(unknown)} has a reward and fulfils rule.where"
    if rule.short == "refuse":
        raise InputError(f"{said}; the groups are {_several(groups)}")
    log.warning("%s", said)


def _whose(label: str) -> str:
    return "the corpus" if label == "[]" else f"the group {group_name(label)}"


def _several(labels: Sequence[str]) -> str:
    names = [
        f"({group_name(label)})" if ", " in group_name(label) else group_name(label)
        for label in labels[:5]
    ]
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return ", ".join(names) + more
