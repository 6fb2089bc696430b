"""Turns the rule as it is typed into fixed cuts, or into a budget for each group."""

import logging
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from rm_ray.corpus.groups import group_name
from rm_ray.counts.cuts import Cut, Cuts, Weight
from rm_ray.counts.order import keys_of, least_at, number_at
from rm_ray.errors import InputError
from rm_ray.filter.config import FilterConfig, RuleConfig
from rm_ray.filter.quotas import ELSE

log = logging.getLogger(__name__)

INTEGERS = ("int64", "uint64")
# The most documents or tokens that are counted; a budget of more is a budget of all there are.
MOST = int(np.iinfo(np.int64).max)


def weight_of(rule: RuleConfig) -> Weight:
    """Return the unit of budgets: documents, or tokens (also if a column replaces the tokens)."""
    if rule.choice == "keep_tokens" or rule.weight != "documents":
        return "tokens"
    return "documents"


def weight_name(rule: RuleConfig) -> str:
    """Return the name, for people, of the unit that budgets are counted in."""
    return rule.weight_column or weight_of(rule)


def fixed_cuts(rule: RuleConfig, kind: str) -> Cuts | None:
    """Return the cuts if they are known without counting, the same for all groups; else None.

    Args:
        rule: the rule as it is typed.
        kind: the kind of the numbers that documents are ordered by (counts.order.KINDS).
    """
    if rule.relative:
        return None
    if rule.min_reward is None:
        return Cuts([], [], [None])
    least = least_at(kind, rule.min_reward)
    if kind in INTEGERS and least > np.iinfo(kind).max:
        return Cuts([], [], [Cut(0, 0, "", 0)])  # no document is before this cut
    keys, finer = keys_of(np.array([least], kind))
    if finer is None:
        return Cuts([], [], [Cut(int(keys[0]) + 1, 0, "", 0)])
    carry, rest = divmod(int(finer[0]) + 1, 1 << 32)
    return Cuts([], [], [Cut(int(keys[0]) + carry, rest << 32, "", 0)])


def number_of(cut: Cut, kind: str) -> float | int:
    """Return the number at a cut: the number of the first document beyond the cut or, for a fixed
    cut, the least number that is kept.
    """
    finer = cut.hash >> 32
    if cut.file:
        return number_at(kind, cut.key, finer)
    if kind == "float32":
        return number_at(kind, cut.key - 1)
    return number_at(kind, *divmod(max(0, (cut.key << 32 | finer) - 1), 1 << 32))


def budgets(
    config: FilterConfig, groups: Sequence[str], supply: Sequence[tuple[int, int]]
) -> list[list[int]]:
    """Return how much of each group is to be before each of its cuts, in documents or tokens.

    Args:
        config: the filter's configuration.
        groups: the labels of the groups.
        supply: for each group, how many documents have a reward and count, and their tokens; may
            be 0.

    Raises:
        InputError: a group has no quota or less than its quota, or a quota has no group.
    """
    if (buckets := config.output.buckets) is not None:
        # the document at rank r (from the worst) of n is in bucket (r + 1/2) * buckets // n, so a
        # group's only document is in the middle bucket, not in the worst
        return [
            [(2 * documents * i + buckets) // (2 * buckets) for i in range(1, buckets)]
            for documents, _ in supply
        ]
    rule = config.rule
    key = f"rule.{rule.choice}"
    _check_groups(key, rule, dict(zip(groups, (counts[0] for counts in supply), strict=True)))
    group_budgets = []
    for label, (documents, tokens) in zip(groups, supply, strict=True):
        quota = rule.quotas.get(label, rule.quotas.get(ELSE, Decimal(0)))
        available = tokens if weight_of(rule) == "tokens" else documents
        if rule.choice == "keep_fraction":
            budget = int((quota * available).to_integral_value(ROUND_HALF_UP))
        else:
            budget = min(int(quota), MOST)
            if budget > available and rule.short == "refuse":
                raise InputError(
                    f"{key}: {budget:,} {weight_name(rule)} are asked for of {_whose(label)}, and "
                    f"{available:,} are there; ask for less, or take all there are: "
                    "--rule.short take_all"
                )
        group_budgets.append([budget])
    return group_budgets


def _check_groups(key: str, rule: RuleConfig, documents: Mapping[str, int]) -> None:
    """Refuse quotas without a group, and groups without a quota.

    Args:
        key: the key that gives the quotas.
        rule: the rule as it is typed.
        documents: for each group, how many documents have a reward and count.

    Raises:
        InputError: a group has no quota, or a quota has no group and rule.short refuses that.
    """
    quotas, groups = rule.quotas, [label for label, count in documents.items() if count]
    check_quotas(rule, groups)
    named = [label for label, quota in quotas.items() if quota or label not in documents]
    unknown = [label for label in named if label != ELSE and not documents.get(label)]
    if not unknown:
        return
    also = " and fulfils rule.where" if rule.where else ""
    message = f"{key}: no document of {_several(unknown)} has a reward{also}"
    if rule.short == "refuse":
        there = f"the groups are {_several(groups)}" if groups else "no group has documents"
        raise InputError(f"{message}; {there}")
    log.warning("%s", message)


def check_quotas(rule: RuleConfig, groups: Sequence[str]) -> None:
    """Refuse groups without a quota.

    Args:
        rule: the rule as it is typed.
        groups: labels of the groups.

    Raises:
        InputError: a group has no quota.
    """
    quotas = rule.quotas
    if ELSE not in quotas and (without := [label for label in groups if label not in quotas]):
        raise InputError(
            f"rule.{rule.choice} has no number for {_several(without)}; give one, or one for all "
            f"others as '{ELSE}'"
        )


def _whose(label: str) -> str:
    return "the corpus" if label == "[]" else f"the group {group_name(label)}"


def _several(labels: Sequence[str]) -> str:
    names = [
        f"({group_name(label)})" if ", " in group_name(label) else group_name(label)
        for label in labels[:5]
    ]
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return ", ".join(names) + more
