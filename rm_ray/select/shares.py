"""The share of the documents that a rule keeps: known from the rule, or estimated by a sample."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from rm_ray.counts.order import Ints
from rm_ray.filter.config import RuleConfig
from rm_ray.filter.quotas import ELSE
from rm_ray.judges.preference.stopping import Floats

# The share that is taken to be kept where nothing is known yet.
UNKNOWN = 0.1


def share_beforehand(rule: RuleConfig, documents: int) -> float:
    """Return about which share of the documents the rule keeps, or drops if that is less, before
    any is judged.
    """
    quotas = [float(quota) for quota in rule.quotas.values()] if rule.relative else []
    if rule.choice == "keep_fraction":
        return sum(min(quota, 1 - quota) for quota in quotas) / len(quotas)
    if rule.choice == "keep_documents" and not rule.by:
        kept = min(1.0, quotas[0] / max(1, documents))
        return min(kept, 1 - kept)
    return UNKNOWN


def kept_shares(
    rule: RuleConfig,
    labels: Sequence[str],
    groups: Ints,
    rewards: Floats,
    tokens: Ints,
    sampled: float,
) -> list[float]:
    """Return the share of each group's documents that the rule keeps, [groups]; 0 to 1.

    It is exact for a fraction of the documents. Budgets of documents and tokens are compared with
    the sample's, scaled to the corpus.

    Args:
        rule: the rule.
        labels: labels of the groups.
        groups: number of each sampled document's group, [documents].
        rewards: their rewards, [documents].
        tokens: their lengths in tokens, [documents].
        sampled: share of the corpus that these documents are.
    """
    shares = []
    for group, label in enumerate(labels):
        quota = float(rule.quotas.get(label, rule.quotas.get(ELSE, Decimal(0))))
        of_group = groups == group
        documents = int(of_group.sum())
        if rule.choice == "keep_fraction" and rule.weight == "documents":
            shares.append(quota)
        elif rule.choice == "keep_documents":
            shares.append(min(1.0, quota * sampled / documents))
        else:
            best_first = np.argsort(-rewards[of_group], kind="stable")
            held = np.cumsum(tokens[of_group][best_first])
            budget = quota * (sampled if rule.choice == "keep_tokens" else float(held[-1]))
            shares.append(float(np.searchsorted(held, budget, "right")) / documents)
    sizes = np.bincount(groups, minlength=len(labels))
    # a group may keep nothing or all: its cut is then beyond all documents of the sample
    return [min(max(share, 0.5 / n), 1 - 0.5 / n) for share, n in zip(shares, sizes, strict=True)]
