"""Alerts that say one thing twice: the lesser one folds into the one that explains most of it."""

import math
from collections.abc import Collection, Mapping, Sequence

from rm_ray.report.compare.comparison import Comparison
from rm_ray.report.compare.rules import Candidate, Key
from rm_ray.report.config import AlertsConfig
from rm_ray.report.figures import Mix

# An alert of the first folds into one of the second of the same group, which says it too.
WITHIN = {
    "mean": ("drift", "spread"),
    "creep": ("drift", "mean"),
    "drift": ("spread",),
    "tokens": ("missing", "rewarded", "volume"),
    "rewarded": ("missing", "failed"),
}
# And one of all documents into one of a group.
ACROSS = {
    "drift": ("drift", "spread", "volume", "missing", "new"),
    "spread": ("spread", "drift"),
    "mean": ("mean", "drift", "spread", "volume", "missing", "new"),
    "creep": ("creep",),
    "volume": ("volume", "missing", "new"),
    "tokens": ("tokens", "volume", "missing", "new", "rewarded"),
    "rewarded": ("rewarded", "failed"),
    "failed": ("failed",),
}
# An alert explains another of which it makes more than this part.
MOST = 0.5


def folded(
    one: Candidate,
    alerts: Sequence[Candidate],
    comparisons: Mapping[str | None, Comparison],
    mix: Mix | None,
    rules: AlertsConfig,
    fresh: Collection[Key],
) -> Candidate | None:
    """The alert that says it already: at least as loudly, and not since last night alone.

    Args:
        one: the alert that may fold.
        alerts: all of them.
        comparisons: of all groups.
        mix: how the change of the mean splits into groups.
        rules: with their levels.
        fresh: the alerts that are news.
    """
    loud = {"warn": 0, "fail": 1}
    level = loud[getattr(rules, one.rule).level]
    known = {
        other.key: other
        for other in alerts
        if loud[getattr(rules, other.rule).level] >= level
        and (one.key not in fresh or other.key in fresh)
    }
    if one.rule == "missing" and one.label is not None:
        return known.get((None, "missing"))
    for rule in WITHIN.get(one.rule, ()):
        # documents that have become shorter are no lack of documents
        if (one.label, rule) in known and not (one.kind == "document" and rule == "volume"):
            return known[one.label, rule]
    if one.label is not None:
        return None
    rules_of = ACROSS.get(one.rule, ())
    theirs = [
        (explained(one, other, comparisons, mix), other)
        for other in known.values()
        if other.label is not None and other.rule in rules_of
    ]
    share, best = max(theirs, key=lambda pair: pair[0], default=(0.0, None))
    return best if share > MOST else None


def explained(
    whole: Candidate,
    part: Candidate,
    comparisons: Mapping[str | None, Comparison],
    mix: Mix | None,
) -> float:
    """Which part of an alert of all documents comes from a group's alert.

    For rewards this is the group's part in the split of the mean's change that the page shows; for
    counts it is the group's part in what is too much or too little.
    """
    everything, group = comparisons.get(None), comparisons.get(part.label)
    if everything is None or group is None:
        return 0.0
    if whole.rule in ("drift", "mean", "creep"):
        return _of_mean(part, mix)
    if whole.rule == "spread":
        return _part(group.tonight.documents, everything.tonight.documents)
    if whole.rule == "failed":
        return _part(group.tonight.failed, everything.tonight.failed)
    return _part(_lack(whole, group), _lack(whole, everything))


def _of_mean(part: Candidate, mix: Mix | None) -> float:
    """The group's part in all moves of the mean, those that cancel one another among them."""
    if mix is None:
        return 0.0
    all_moves = sum(abs(one.mix) + abs(one.inside) for one in mix.groups)
    of_mix = part.rule in ("volume", "missing", "new")
    mine = [abs(one.mix if of_mix else one.inside) for one in mix.groups if one.label == part.label]
    return _part(sum(mine), all_moves)


def _lack(whole: Candidate, one: Comparison) -> float:
    """How much is there less than usual (negative: more), in what the alert of the whole counts."""
    usual, before = one.usual, one.baseline
    nights = before.nights if before else 1
    if whole.rule == "volume":
        return (before.expected if before else 0.0) - one.tonight.documents
    if whole.rule == "tokens":
        pooled = before.pooled.tokens / nights if before else 0.0
        return (usual.tokens.expected if usual.tokens else pooled) - one.tonight.tokens
    share = before.pooled.scored / before.pooled.documents if before and before.pooled.scored else 1
    return share * one.tonight.documents - one.tonight.scored


def _part(mine: float, whole: float) -> float:
    return mine / whole if whole and not math.isinf(whole) else 0.0
