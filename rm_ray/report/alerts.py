"""What is not as it was: rules, each an effect that matters and more than chance makes."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from scipy import stats

from rm_ray.report.comparison import Comparison
from rm_ray.report.config import AlertsConfig
from rm_ray.report.figures import Alert, Mix, Rule, Verdict
from rm_ray.report.nights import name_of

# An alert of the first folds into one of the second of the same group, which says it too.
WITHIN = {"mean": ("drift", "spread"), "drift": ("spread",)}
# And one of all documents into one of a group.
ACROSS = {
    "drift": ("drift", "spread"),
    "spread": ("spread", "drift"),
    "mean": ("mean", "drift", "spread"),
    "volume": ("volume", "missing", "new"),
    "failed": ("failed",),
}
# Changes of the mix, into which a drift of the whole folds that is made of one.
OF_MIX = ("volume", "missing", "new")
# Of a drift's two measures, the one that is spoken of where both are alerts.
MAIN = "wasserstein"
# Effects whose p is within this factor of what decides get draws for their tail.
NEAR = 4.0


# A group's label, and a rule.
Key = tuple[str | None, str]


@dataclass(frozen=True)
class Candidate:
    """What a rule looked at. `past`: the effect matters. `p`: how often chance makes it."""

    label: str | None
    rule: Rule
    effect: float
    threshold: float
    past: bool
    p: float
    sentence: str
    kind: str = ""

    @property
    def key(self) -> Key:
        """A rule speaks of a group once."""
        return self.label, self.rule


def candidates(one: Comparison, rules: AlertsConfig) -> list[Candidate]:
    """Of one group, whatever each rule has to say of it."""
    found = [*_of_rewards(one, rules), *_of_counts(one, rules)]
    return [c for c in found if getattr(rules, c.rule).level != "ignore"]


def fired(
    comparisons: Mapping[str | None, Comparison], rules: AlertsConfig
) -> tuple[list[Candidate], dict[str | None, Comparison], int]:
    """The candidates that are alerts: past their thresholds, and not by chance, by Holm's step-down
    (1979) over all of them; the comparisons, with finer draws where these decided; and how many
    candidates there were.
    """
    comparisons = dict(comparisons)
    found = [c for one in comparisons.values() for c in candidates(one, rules)]
    limits = _limits(found, rules.false_per_night)
    close = {c.label for c, limit in zip(found, limits, strict=True)
             if c.past and c.kind and c.p <= NEAR * limit}  # fmt: skip
    if close:
        comparisons |= {label: comparisons[label].refined() for label in close}
        found = [c for one in comparisons.values() for c in candidates(one, rules)]
    passed = holm(found, rules.false_per_night)
    alerts: dict[Key, Candidate] = {}
    for candidate in (one for one in passed if one.past):
        if candidate.key not in alerts or candidate.kind == MAIN:
            alerts[candidate.key] = candidate
    return list(alerts.values()), comparisons, len(found)


def verdict(
    alerts: Sequence[Candidate],
    rules: AlertsConfig,
    stood: Collection[Key],
    shown: Collection[Key],
    mix: Mix | None,
    compared: int,
) -> Verdict:
    """All of it in one word.

    Args:
        stood: of last night's alerts, and `shown`: of those that were not folded.
        compared: groups that had a baseline, all documents among them.
    """
    order = {"fail": 0, "warn": 1}
    found = []
    for one in alerts:
        fold = _folded(one, alerts, mix, rules, stood)
        found.append(
            Alert(
                group=None if one.label is None else name_of(one.label),
                label=one.label,
                rule=one.rule,
                level=getattr(rules, one.rule).level,
                standing=one.key in (stood if fold else shown),
                folded_into=f"{name_of(fold.label)}: {fold.rule}" if fold else None,
                effect=one.effect,
                threshold=one.threshold,
                p=one.p,
                sentence=one.sentence,
            )
        )
    found.sort(key=lambda a: (a.folded_into is not None, a.standing, order[a.level], -_times(a)))
    counted = [a for a in found if a.folded_into is None]
    fails = [a for a in counted if a.level == "fail" and (rules.repeat_standing or not a.standing)]
    status = "fail" if fails else "warn" if counted else "ok"
    return Verdict.model_validate(
        {"status": status, "sentence": _sentence(counted, compared), "alerts": found}
    )


def _of_rewards(one: Comparison, rules: AlertsConfig) -> list[Candidate]:
    if one.effects is None:
        return []
    found, label, now = [], one.tonight.label, one.effects
    name = name_of(label)
    usual = "nights like the baseline stay below"
    apart = f"the rewards of {name} are {now.wasserstein:.2f} sd from the baseline's"
    measures: list[tuple[Rule, str, float, str]] = [
        ("drift", "wasserstein", rules.drift.above, f"{apart}; {usual}"),
        ("drift", "psi", rules.drift.psi_above,
         f"the rewards of {name} fall into other classes than the baseline's "
         f"(PSI {now.psi:.2f}); {usual}"),
    ]  # fmt: skip
    if rules.mean.above is not None:
        said = f"the mean reward of {name} has moved by {now.mean:.2f} sd; {usual}"
        measures.append(("mean", "mean", rules.mean.above, said))
    for rule, kind, above, said in measures:
        effect = getattr(now, kind)
        sentence = f"{said} {one.floor(kind):.2g}"
        found.append(
            Candidate(label, rule, effect, above, effect > above, one.p(kind), sentence, kind)
        )
    sentence = (
        f"the rewards of {name} vary {now.spread:.2f} times as much as the baseline's "
        f"({now.wasserstein:.2f} sd from it)"
    )
    below = rules.spread.below
    found.append(
        Candidate(label, "spread", now.spread, below, now.spread < below, one.p("spread"),
                  sentence, "spread")
    )  # fmt: skip
    return found


def _of_counts(one: Comparison, rules: AlertsConfig) -> list[Candidate]:
    label, now, name = one.tonight.label, one.tonight, name_of(one.tonight.label)
    found = []
    if now.documents:
        share, above = now.failed / now.documents, rules.failed.above
        p = float(stats.binom.sf(now.failed - 1, now.documents, above)) if now.failed else 1.0
        said = f"{now.failed:,} of {now.documents:,} documents of {name} failed ({share:.1%})"
        found.append(Candidate(label, "failed", share, above, share > above, p, said))
    if one.baseline is None:
        return found
    before, nights = one.baseline.pooled.documents, one.baseline.nights
    expected, n = one.baseline.expected, now.documents
    # given both together, chance puts each document into one of the nights
    together, part = stats.binom(n + before, 1 / (nights + 1)), rules.volume
    said = f"{name} has {n:,} documents, and {expected:,.0f} in a night of the baseline"
    if not before:
        return [*found, Candidate(label, "new", n, 0, n > 0, float(together.sf(n - 1)),
                                  f"{name} is new: {n:,} documents")]  # fmt: skip
    if not n:
        who = "no document came" if label is None else f"{name} is missing"
        said = f"{who}; a night of the baseline has {expected:,.0f} documents"
        return [*found, Candidate(label, "missing", 0, 0, True, float(together.cdf(0)), said)]
    ratio = n / expected
    few = ratio < part.below
    p = float(together.cdf(n) if ratio < 1 else together.sf(n - 1))
    past = few or (part.above is not None and ratio > part.above)
    threshold = part.above if part.above and ratio > 1 else part.below
    return [*found, Candidate(label, "volume", ratio, threshold, past, p, said)]


def _limits(found: Sequence[Candidate], alpha: float) -> list[float]:
    """Of each, the p below which it may be an alert, by Holm."""
    order = sorted(range(len(found)), key=lambda i: found[i].p)
    limits = [0.0] * len(found)
    for rank, i in enumerate(order):
        limits[i] = alpha / (len(found) - rank)
    return limits


def holm(found: Sequence[Candidate], alpha: float) -> list[Candidate]:
    """Those that are more than chance, all of them together."""
    ranked = sorted(zip(found, _limits(found, alpha), strict=True), key=lambda pair: pair[0].p)
    return [one for one, _ in takewhile(lambda pair: pair[0].p <= pair[1], ranked)]


def _folded(
    one: Candidate,
    alerts: Sequence[Candidate],
    mix: Mix | None,
    rules: AlertsConfig,
    stood: Collection[Key],
) -> Candidate | None:
    """The alert that says it already, at least as loudly, and not since last night alone."""
    loud = {"warn": 0, "fail": 1}
    level, fresh = loud[getattr(rules, one.rule).level], one.key not in stood
    known = {
        a.key: a
        for a in alerts
        if loud[getattr(rules, a.rule).level] >= level and not (fresh and a.key in stood)
    }
    if one.rule == "missing" and one.label is not None:
        return known.get((None, "missing"))
    for rule in WITHIN.get(one.rule, ()):
        if (one.label, rule) in known:
            return known[one.label, rule]
    if one.label is not None:
        return None
    for rule in ACROSS.get(one.rule, ()):
        theirs = [a for a in known.values() if a.label is not None and a.rule == rule]
        if theirs:
            return max(theirs, key=_times)
    if one.rule == "drift" and mix and mix.wasserstein_mix >= mix.wasserstein_inside:
        moved = {group.label: abs(group.mix) for group in mix.groups}
        theirs = [a for a in known.values() if a.label is not None and a.rule in OF_MIX]
        return max(theirs, key=lambda a: moved.get(a.label or "", 0.0), default=None)
    return None


def _times(one: Candidate | Alert) -> float:
    """How many times past its threshold an effect is."""
    if one.rule in ("missing", "new"):
        return math.inf
    if one.rule == "spread" or (one.rule == "volume" and one.effect < 1):
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
