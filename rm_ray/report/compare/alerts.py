"""What is not as it was: rules, each an effect that matters and more than chance makes."""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile

from rm_ray.report.compare.comparison import Comparison
from rm_ray.report.compare.folding import folded
from rm_ray.report.compare.rules import CANDIDATES, MAIN, Candidate, Key, candidates
from rm_ray.report.config import AlertsConfig
from rm_ray.report.figures import Alert, Mix, Verdict
from rm_ray.report.measure.nights import name_of

# Effects whose p is within this factor of what decides get draws for their tail.
NEAR = 4.0
# A standing alert is news again once it is so many times as strong.
STRONGER = 2.0


def fired(
    comparisons: Mapping[str | None, Comparison], rules: AlertsConfig
) -> tuple[list[Candidate], dict[str | None, Comparison], int]:
    """Find the candidates that are alerts: past their thresholds, and not by chance.

    Holm's step-down (1979) is over as many candidates of each group as there can be.

    Returns:
        The alerts; the comparisons, with finer draws where these decided; and how many candidates
        there were.
    """
    comparisons = dict(comparisons)
    many = CANDIDATES * len(comparisons)
    found = [c for one in comparisons.values() for c in candidates(one, rules)]
    limits = _limits(found, rules.false_per_night, many)
    close = {
        c.label
        for c, limit in zip(found, limits, strict=True)
        if c.past and comparisons[c.label].has(c.kind) and c.p <= NEAR * limit
    }
    if close:
        comparisons |= {label: comparisons[label].refined() for label in close}
        found = [c for one in comparisons.values() for c in candidates(one, rules)]
    passed = holm(found, rules.false_per_night, many)
    alerts: dict[Key, Candidate] = {}
    for candidate in (one for one in passed if one.past):
        if candidate.key not in alerts or candidate.kind in MAIN:
            alerts[candidate.key] = candidate
    return list(alerts.values()), comparisons, many


def verdict(
    alerts: Sequence[Candidate],
    rules: AlertsConfig,
    stood: Mapping[Key, float],
    shown: Collection[Key],
    mix: Mix | None,
    comparisons: Mapping[str | None, Comparison],
) -> Verdict:
    """All of it in one word.

    Args:
        alerts: of tonight.
        rules: with their levels.
        stood: the strengths of last night's alerts; nan where they are not known.
        shown: last night's alerts that were not folded.
        mix: how the change of the mean splits into groups.
        comparisons: of all groups.
    """
    order = {"fail": 0, "warn": 1}
    fresh = {one.key for one in alerts if not _stands(one, stood)}
    found = []
    for one in alerts:
        fold = folded(one, alerts, comparisons=comparisons, mix=mix, rules=rules, fresh=fresh)
        found.append(
            Alert(
                group=None if one.label is None else name_of(one.label),
                label=one.label,
                rule=one.rule,
                level=getattr(rules, one.rule).level,
                standing=one.key not in fresh and (bool(fold) or one.key in shown),
                folded_into=f"{name_of(fold.label)}: {fold.rule}" if fold else None,
                effect=one.effect,
                threshold=one.threshold,
                p=one.p,
                sentence=one.sentence,
                strength=_strength(one, stood) if one.key not in fresh else one.strength,
            )
        )
    found.sort(key=lambda a: (a.folded_into is not None, a.standing, order[a.level], -_times(a)))
    counted = [a for a in found if a.folded_into is None]
    fails = [a for a in counted if a.level == "fail" and (rules.repeat_standing or not a.standing)]
    status = "fail" if fails else "warn" if counted else "ok"
    compared = sum(one.baseline is not None for one in comparisons.values())
    return Verdict.model_validate(
        {"status": status, "sentence": _sentence(counted, compared), "alerts": found}
    )


def _strength(one: Candidate, stood: Mapping[Key, float]) -> float:
    """Of an alert that stands, the strength that it had when it was new, if that is known."""
    before = stood[one.key]
    return one.strength if math.isnan(before) else before


def _stands(one: Candidate, stood: Mapping[Key, float]) -> bool:
    """Whether an alert is last night's, and neither far stronger nor of the other sign."""
    if one.key not in stood:
        return False
    before = stood[one.key]
    if math.isnan(before) or not one.strength or not before:
        return True
    return one.strength * before > 0 and not abs(one.strength) > STRONGER * abs(before)


def _limits(found: Sequence[Candidate], alpha: float, many: int) -> list[float]:
    """Of each, the p below which it may be an alert, by Holm; those that are not there are last."""
    order = sorted(range(len(found)), key=lambda i: found[i].p)
    limits = [0.0] * len(found)
    for rank, i in enumerate(order):
        limits[i] = alpha / max(1, many - rank)
    return limits


def holm(found: Sequence[Candidate], alpha: float, many: int | None = None) -> list[Candidate]:
    """Those that are more than chance, all of them together.

    Args:
        found: what is looked at.
        alpha: how often chance may make any of them.
        many: how many there can be; as many as there are, if not given.
    """
    limits = _limits(found, alpha, len(found) if many is None else many)
    ranked = sorted(zip(found, limits, strict=True), key=lambda pair: pair[0].p)
    return [one for one, _ in takewhile(lambda pair: pair[0].p <= pair[1], ranked)]


def _times(one: Alert) -> float:
    """How many times past its threshold an effect is."""
    if one.rule in ("missing", "new"):
        return math.inf
    if one.rule in ("spread", "rewarded") or (one.rule in ("volume", "tokens") and one.effect < 1):
        return one.threshold / max(one.effect, 1e-9)
    return one.effect / max(one.threshold, 1e-9)


def _sentence(alerts: Sequence[Alert], compared: int) -> str:
    if not alerts and not compared:
        return "There is no baseline yet: nothing to compare with."
    if not alerts:
        groups = f"{compared - 1} groups and all documents" if compared > 1 else "All documents"
        return f"Nothing to report. {groups} were compared with the baseline."
    fresh = [alert for alert in alerts if not alert.standing]
    touched = list(dict.fromkeys(a.group or "all documents" for a in fresh or alerts))
    named = ", ".join(touched[:3]) + (f" and {len(touched) - 3} more" if len(touched) > 3 else "")
    if not fresh:
        stand = "1 alert stands" if len(alerts) == 1 else f"{len(alerts)} alerts stand"
        return f"Nothing new: {stand} since the night before ({named})."
    count = "1 new alert" if len(fresh) == 1 else f"{len(fresh)} new alerts"
    return f"{count} ({named}): {fresh[0].sentence}."
