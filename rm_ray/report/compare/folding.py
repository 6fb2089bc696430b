"""Folding: of two alerts with one cause, the lesser alert folds into the alert that explains it."""

import math
from collections.abc import Collection, Mapping, Sequence

from rm_ray.report.compare.candidate import Candidate, Key
from rm_ray.report.compare.comparison import Comparison
from rm_ray.report.config import AlertsConfig
from rm_ray.report.figures import Mix

# An alert of the rule on the left folds into an alert of a rule on the right, of the same group.
WITHIN = {
    "mean": ("drift", "spread"),
    "creep": ("drift", "mean"),
    "drift": ("spread",),
    "tokens": ("missing", "rewarded", "volume"),
    "rewarded": ("missing", "failed"),
}
# An alert of all documents, on the left, folds into an alert of one group, on the right.
ACROSS = {
    "drift": ("drift", "spread", "volume", "missing", "new"),
    "spread": ("spread", "drift"),
    "mean": ("mean", "drift", "spread", "volume", "missing", "new"),
    "creep": ("creep",),
    "volume": ("volume", "missing", "new"),
    "tokens": ("tokens", "volume", "missing", "new", "rewarded"),
    "rewarded": ("rewarded", "failed"),
    "failed": ("failed",),
    "repeated": ("repeated",),
}
# An alert of a group explains an alert of all documents if it makes more than this part of it.
MOST = 0.5


def folded(
    one: Candidate,
    alerts: Sequence[Candidate],
    comparisons: Mapping[str | None, Comparison],
    mix: Mix | None,
    rules: AlertsConfig,
    fresh: Collection[Key],
) -> Candidate | None:
    """Return the alert that covers another alert; None if no alert does.

    The level of the covering alert is at least as high. A new alert folds into new alerts only.

    Args:
        one: the alert that may fold.
        alerts: all alerts of the night.
        comparisons: the comparisons of all groups.
        mix: the split of the mean's change by group.
        rules: the configuration, with the level of each rule.
        fresh: the alerts that are new tonight.
    """
    order = {"warn": 0, "fail": 1}
    level = order[getattr(rules, one.rule).level]
    known = {
        other.key: other
        for other in alerts
        if order[getattr(rules, other.rule).level] >= level
        and (one.key not in fresh or other.key in fresh)
    }
    if one.rule == "missing" and one.label is not None:
        return known.get((None, "missing"))
    if one.rule == "repeated" and one.label is not None:
        return _repeated_everywhere(known, comparisons, mix)
    for rule in WITHIN.get(one.rule, ()):
        # shorter documents are not fewer documents
        if (one.label, rule) in known and not (one.kind == "document" and rule == "volume"):
            return known[one.label, rule]
    if one.label is not None:
        return None
    rules_of = ACROSS.get(one.rule, ())
    parts = [
        (explained(one, other, comparisons, mix), other)
        for other in known.values()
        if other.label is not None and other.rule in rules_of
    ]
    share, best = max(parts, key=lambda pair: pair[0], default=(0.0, None))
    return best if share > MOST else None


def _repeated_everywhere(
    known: Mapping[Key, Candidate], comparisons: Mapping[str | None, Comparison], mix: Mix | None
) -> Candidate | None:
    """Return the alert that all documents came before, unless one group makes most of it."""
    whole = known.get((None, "repeated"))
    if whole is None:
        return None
    groups = [other for key, other in known.items() if key[0] is not None and key[1] == "repeated"]
    shares = [explained(whole, other, comparisons, mix) for other in groups]
    return whole if max(shares, default=0.0) <= MOST else None


def explained(
    whole: Candidate,
    part: Candidate,
    comparisons: Mapping[str | None, Comparison],
    mix: Mix | None,
) -> float:
    """Return the part of an alert of all documents that a group's alert explains.

    For rewards this is the group's part in the split of the mean's change that the page shows. For
    counts it is the group's part in the surplus or the lack.

    Args:
        whole: the alert of all documents.
        part: the alert of the group.
        comparisons: the comparisons of all groups.
        mix: the split of the mean's change by group.
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
    if whole.rule == "repeated":
        now, then = group.tonight.repeats, everything.tonight.repeats
        return _part(now.documents, then.documents) if now and then else 0.0
    return _part(_lack(whole, group), _lack(whole, everything))


def _of_mean(part: Candidate, mix: Mix | None) -> float:
    """Return the group's move of the mean, divided by the sum of all groups' moves.

    Moves count without their sign, so moves that cancel each other count too.
    """
    if mix is None:
        return 0.0
    all_moves = sum(abs(group.mix) + abs(group.inside) for group in mix.groups)
    of_mix = part.rule in ("volume", "missing", "new")
    moves = [
        abs(group.mix if of_mix else group.inside)
        for group in mix.groups
        if group.label == part.label
    ]
    return _part(sum(moves), all_moves)


def _lack(whole: Candidate, group: Comparison) -> float:
    """Return the usual count minus tonight's, of the count that alerted."""
    usual, before = group.usual, group.baseline
    nights = before.nights if before else 1
    if whole.rule == "volume":
        return (before.expected if before else 0.0) - group.tonight.documents
    if whole.rule == "tokens":
        pooled = before.pooled.tokens / nights if before else 0.0
        return (usual.tokens.expected if usual.tokens else pooled) - group.tonight.tokens
    share = before.pooled.scored / before.pooled.documents if before and before.pooled.scored else 1
    return share * group.tonight.documents - group.tonight.scored


def _part(part: float, whole: float) -> float:
    return part / whole if whole and not math.isinf(whole) else 0.0
