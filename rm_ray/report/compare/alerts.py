"""Alerts: the candidates whose effect matters and is larger than chance makes it."""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile

from rm_ray.report.compare.candidate import Candidate, Key
from rm_ray.report.compare.comparison import Comparison
from rm_ray.report.compare.folding import folded
from rm_ray.report.compare.rules import CANDIDATES, MAIN, candidates
from rm_ray.report.config import AlertsConfig
from rm_ray.report.figures import Alert, Mix, NightVerdict
from rm_ray.report.measure.nights import name_of

# A candidate whose p is at most this many times its limit gets more draws, for the tail.
NEAR = 4.0
# A standing alert is new again once it is more than so many times as strong.
STRONGER = 2.0


def fired(
    comparisons: Mapping[str | None, Comparison], rules: AlertsConfig
) -> tuple[list[Candidate], dict[str | None, Comparison], int]:
    """Find the candidates that are alerts: past their thresholds, and not by chance.

    Holm's step-down (1979) counts `CANDIDATES` for each group, the most that a group can have.

    Returns:
        The alerts; the comparisons, some of them with more draws than before; and the number of
        candidates that Holm's step-down counted.
    """
    comparisons = dict(comparisons)
    many = CANDIDATES * len(comparisons)
    all_candidates = [c for group in comparisons.values() for c in candidates(group, rules)]
    limits = _limits(all_candidates, rules.false_per_night, many)
    close = {
        c.label
        for c, limit in zip(all_candidates, limits, strict=True)
        if c.past and comparisons[c.label].has(c.kind) and c.p <= NEAR * limit
    }
    if close:
        comparisons |= {label: comparisons[label].refined() for label in close}
        all_candidates = [c for group in comparisons.values() for c in candidates(group, rules)]
    passed = holm(all_candidates, rules.false_per_night, many)
    alerts: dict[Key, Candidate] = {}
    for candidate in (c for c in passed if c.past):
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
) -> NightVerdict:
    """Sum up the night: fail, warn or ok.

    Args:
        alerts: tonight's alerts.
        rules: the configuration, with the level of each rule.
        stood: the strengths of last night's alerts; nan if not known.
        shown: last night's alerts that were not folded.
        mix: the split of the mean's change by group.
        comparisons: the comparisons of all groups.
    """
    order = {"fail": 0, "warn": 1}
    fresh = {candidate.key for candidate in alerts if not _stands(candidate, stood)}
    found_alerts = []
    for candidate in alerts:
        fold = folded(candidate, alerts, comparisons=comparisons, mix=mix, rules=rules, fresh=fresh)
        found_alerts.append(
            Alert(
                group=None if candidate.label is None else name_of(candidate.label),
                label=candidate.label,
                rule=candidate.rule,
                level=getattr(rules, candidate.rule).level,
                standing=candidate.key not in fresh and (bool(fold) or candidate.key in shown),
                folded_into=f"{name_of(fold.label)}: {fold.rule}" if fold else None,
                effect=candidate.effect,
                threshold=candidate.threshold,
                p=candidate.p,
                sentence=candidate.sentence,
                strength=_strength(candidate, stood)
                if candidate.key not in fresh
                else candidate.strength,
            )
        )
    found_alerts.sort(
        key=lambda a: (a.folded_into is not None, a.standing, order[a.level], -_times(a))
    )
    counted = [a for a in found_alerts if a.folded_into is None]
    fails = [a for a in counted if a.level == "fail" and (rules.repeat_standing or not a.standing)]
    status = "fail" if fails else "warn" if counted else "ok"
    compared = sum(group.baseline is not None for group in comparisons.values())
    return NightVerdict.model_validate(
        {"status": status, "sentence": _sentence(counted, compared), "alerts": found_alerts}
    )


def _strength(alert: Candidate, stood: Mapping[Key, float]) -> float:
    """Return the strength that a standing alert had when it was new, if that is known."""
    before = stood[alert.key]
    return alert.strength if math.isnan(before) else before


def _stands(alert: Candidate, stood: Mapping[Key, float]) -> bool:
    """Return True if the alert stood last night, and is not far stronger or opposite now."""
    if alert.key not in stood:
        return False
    before = stood[alert.key]
    if math.isnan(before) or not alert.strength or not before:
        return True
    return alert.strength * before > 0 and not abs(alert.strength) > STRONGER * abs(before)


def _limits(found: Sequence[Candidate], alpha: float, many: int) -> list[float]:
    """Return, for each candidate, the largest p with which it may be an alert, by Holm.

    Candidates that are counted but absent come last, as if their p were 1.
    """
    order = sorted(range(len(found)), key=lambda i: found[i].p)
    limits = [0.0] * len(found)
    for rank, i in enumerate(order):
        limits[i] = alpha / max(1, many - rank)
    return limits


def holm(found: Sequence[Candidate], alpha: float, many: int | None = None) -> list[Candidate]:
    """Return the candidates that are more than chance, all tests taken together.

    Args:
        found: the candidates.
        alpha: how often chance may pass any of the candidates.
        many: how many candidates there can be; not given: as many as there are.
    """
    limits = _limits(found, alpha, len(found) if many is None else many)
    ranked = sorted(zip(found, limits, strict=True), key=lambda pair: pair[0].p)
    return [candidate for candidate, _ in takewhile(lambda pair: pair[0].p <= pair[1], ranked)]


def _times(alert: Alert) -> float:
    """Return how many times past its threshold the effect of an alert is."""
    if alert.rule in ("missing", "new"):
        return math.inf
    if alert.rule in ("spread", "rewarded") or (
        alert.rule in ("volume", "tokens") and alert.effect < 1
    ):
        return alert.threshold / max(alert.effect, 1e-9)
    return alert.effect / max(alert.threshold, 1e-9)


def _sentence(alerts: Sequence[Alert], compared: int) -> str:
    if not alerts and not compared:
        return "There is no baseline yet: nothing to compare with."
    if not alerts:
        if compared == 1:
            return "Nothing to report. All documents were compared with the baseline."
        groups = "1 group" if compared == 2 else f"{compared - 1} groups"
        return f"Nothing to report. {groups} and all documents were compared with the baseline."
    fresh = [alert for alert in alerts if not alert.standing]
    touched = list(dict.fromkeys(a.group or "all documents" for a in fresh or alerts))
    named = ", ".join(touched[:3]) + (f" and {len(touched) - 3} more" if len(touched) > 3 else "")
    if not fresh:
        stand = "1 alert stands" if len(alerts) == 1 else f"{len(alerts)} alerts stand"
        return f"Nothing new: {stand} since the night before ({named})."
    count = "1 new alert" if len(fresh) == 1 else f"{len(fresh)} new alerts"
    # the two that are farthest above their limits: a second cause may be the better known one
    return f"{count} ({named}): {'; '.join(alert.sentence for alert in fresh[:2])}."
