"""The candidates of each group: effects of rules, and how often chance makes them.

Every group counts as having the same number of candidates. If a rule cannot be applied to a group
tonight, its candidate counts as an effect that chance always makes.
"""

import math
from collections.abc import Iterator

from scipy import stats

from rm_ray.report.compare.candidate import Candidate
from rm_ray.report.compare.comparison import Comparison
from rm_ray.report.compare.creep import RATE
from rm_ray.report.compare.fixed import fixed_share, fixed_tokens
from rm_ray.report.compare.repeats import of_repeats
from rm_ray.report.compare.usual import LEAST_NIGHTS, none_came
from rm_ray.report.config import AlertsConfig
from rm_ray.report.figures import Rule
from rm_ray.report.measure.nights import GroupNight, name_of

# Candidates of a group: drift and tokens have two each, the other rules have one.
CANDIDATES = 13
# The kind that is shown if both candidates of drift, or of tokens, alert.
MAIN = ("wasserstein", "document")

# Stands for zero in a logarithm.
NOTHING = 1e-9


def candidates(one: Comparison, rules: AlertsConfig) -> list[Candidate]:
    """Return the candidates of one group, but for rules with the level "ignore"."""
    group_candidates = [
        *_of_rewards(one, rules),
        *_of_creep(one, rules),
        *_of_counts(one, rules),
        *of_repeats(one, rules.repeated),
    ]
    return [c for c in group_candidates if getattr(rules, c.rule).level != "ignore"]


def _of_rewards(comparison: Comparison, rules: AlertsConfig) -> Iterator[Candidate]:
    if comparison.effects is None:
        return
    label, now, name = (
        comparison.tonight.label,
        comparison.effects,
        name_of(comparison.tonight.label),
    )
    usual = "nights like the baseline stay below"
    # for both measures: the distance, with a sign if a shift makes most of the distance
    shifted = abs(now.shift) > now.wasserstein / 2
    strength = math.copysign(now.wasserstein, now.shift) if shifted else 0.0
    apart = f"the rewards of {name} are {now.wasserstein:.2f} sd from the baseline's"
    classes = (
        f"the rewards of {name} fall into other classes than the baseline's (PSI {now.psi:.2f})"
    )
    measures: list[tuple[Rule, str, float, str]] = [
        ("drift", "wasserstein", rules.drift.above, f"{apart}; {usual}"),
        ("drift", "psi", rules.drift.psi_above, f"{classes}; {usual}"),
    ]
    if rules.mean.above is not None:
        text = f"the mean reward of {name} has moved by {now.mean:.2f} sd; {usual}"
        measures.append(("mean", "mean", rules.mean.above, text))
    for rule, kind, above, text in measures:
        effect = getattr(now, kind)
        sentence = f"{text} {comparison.floor(kind):.2g}"
        yield Candidate(
            label=label,
            rule=rule,
            effect=effect,
            threshold=above,
            past=effect > above,
            p=comparison.p(kind),
            sentence=sentence,
            kind=kind,
            strength=strength,
        )
    sentence = (
        f"the rewards of {name} vary {now.spread:.2f} times as much as the baseline's "
        f"({now.wasserstein:.2f} sd from it)"
    )
    below = rules.spread.below
    yield Candidate(
        label=label,
        rule="spread",
        effect=now.spread,
        threshold=below,
        past=now.spread < below,
        p=comparison.p("spread"),
        sentence=sentence,
        kind="spread",
        strength=_log(now.spread),
    )


def _of_creep(comparison: Comparison, rules: AlertsConfig) -> Iterator[Candidate]:
    creep, name = comparison.creep, name_of(comparison.tonight.label)
    if creep.moved is None or creep.slope is None or creep.remark:
        return
    moved, above = abs(creep.moved), rules.creep.above
    sentence = (
        f"the mean reward of {name} moves by {creep.slope:+.2f} sd a week, over {creep.weeks} "
        f"weeks: {creep.moved:+.2f} sd in four of them"
    )
    p = min(1.0, creep.p / RATE)
    yield Candidate(
        label=comparison.tonight.label,
        rule="creep",
        effect=moved,
        threshold=above,
        past=moved > above,
        p=p,
        sentence=sentence,
        strength=creep.moved,
    )


def _of_counts(comparison: Comparison, rules: AlertsConfig) -> Iterator[Candidate]:
    yield from _of_failures(comparison, rules)
    yield from _of_rewarded(comparison, rules)
    if comparison.baseline is None:
        return
    if not comparison.baseline.pooled.documents:
        yield _new(comparison)
    elif not comparison.tonight.documents:
        yield _missing(comparison)
    else:
        yield from _of_volume(comparison, rules)
        yield from _of_tokens(comparison, rules)


def _of_failures(comparison: Comparison, rules: AlertsConfig) -> Iterator[Candidate]:
    now, name = comparison.tonight, name_of(comparison.tonight.label)
    if now.documents:
        share, above = now.failed / now.documents, rules.failed.above
        p = float(stats.binom.sf(now.failed - 1, now.documents, above)) if now.failed else 1.0
        text = f"{now.failed:,} of {now.documents:,} documents of {name} failed ({share:.1%})"
        yield Candidate(
            label=now.label,
            rule="failed",
            effect=share,
            threshold=above,
            past=share > above,
            p=p,
            sentence=text,
            strength=share,
        )


def _of_rewarded(comparison: Comparison, rules: AlertsConfig) -> Iterator[Candidate]:
    now, name, below = comparison.tonight, name_of(comparison.tonight.label), rules.rewarded.below
    if now.label is None and not now.scored:
        why = f" ({comparison.why_not()})" if now.documents else f": {_none_came(now)}"
        text = f"no document of the night has a reward{why}"
        yield Candidate(
            label=None,
            rule="rewarded",
            effect=0.0,
            threshold=below,
            past=True,
            p=0.0,
            sentence=text,
            strength=_log(0),
        )
        return
    before = comparison.baseline.pooled if comparison.baseline else None
    if before is None or not (before.scored and now.documents):
        return
    share, usual = now.scored / now.documents, before.scored / before.documents
    p = fixed_share(comparison).p(share)
    if comparison.usual.rewarded is not None:
        usual, p = comparison.usual.rewarded.expected, min(p, comparison.usual.rewarded.p(share))
    ratio = share / usual
    text = f"{share:.0%} of the documents of {name} have a reward, and {usual:.0%} usually"
    if why := comparison.why_not():
        text += f" ({why})"
    yield Candidate(
        label=now.label,
        rule="rewarded",
        effect=ratio,
        threshold=below,
        past=ratio < below,
        p=p,
        sentence=text,
        strength=_log(ratio),
    )


def _new(comparison: Comparison) -> Candidate:
    assert comparison.baseline is not None
    n, name = comparison.tonight.documents, name_of(comparison.tonight.label)
    # chance puts each of the documents into any of the nights
    p = float(stats.binom.sf(n - 1, n, 1 / (comparison.baseline.nights + 1)))
    return Candidate(
        label=comparison.tonight.label,
        rule="new",
        effect=n,
        threshold=0,
        past=n > 0,
        p=p,
        sentence=f"{name} is new: {n:,} documents",
    )


def _missing(comparison: Comparison) -> Candidate:
    assert comparison.baseline is not None
    label, came = comparison.tonight.label, comparison.baseline.came
    if len(came) >= LEAST_NIGHTS:
        p = none_came(came)
    else:
        p = float(
            stats.binom.cdf(
                0, comparison.baseline.pooled.documents, 1 / (comparison.baseline.nights + 1)
            )
        )
    who = _none_came(comparison.tonight) if label is None else f"{name_of(label)} is missing"
    text = f"{who}; a night of the baseline has {comparison.baseline.expected:,.0f} documents"
    return Candidate(
        label=label, rule="missing", effect=0, threshold=0, past=True, p=p, sentence=text
    )


def _none_came(whole: GroupNight) -> str:
    """Return that no document came, and the files that came, if any."""
    return f"no document came ({whole.files})" if whole.files else "no document came"


def _of_volume(comparison: Comparison, rules: AlertsConfig) -> Iterator[Candidate]:
    usual = comparison.usual.documents
    if usual is None or not usual.expected:
        return
    now, volume_rule = comparison.tonight, rules.volume
    text = (
        f"{name_of(now.label)} has {now.documents:,} documents, and {usual.expected:,.0f} usually"
    )
    yield _ratio(
        comparison,
        "volume",
        kind="",
        ratio=now.documents / usual.expected,
        below=volume_rule.below,
        above=volume_rule.above,
        p=usual.p(now.documents),
        text=text,
    )


def _of_tokens(comparison: Comparison, rules: AlertsConfig) -> Iterator[Candidate]:
    now, tokens_rule, name = comparison.tonight, rules.tokens, name_of(comparison.tonight.label)
    tokens_a_document = now.tokens / now.documents
    if (usual := comparison.usual.tokens) is not None and usual.expected > 0:
        text = f"{name} has {now.tokens:,} tokens, and {usual.expected:,.0f} usually"
        ratio = now.tokens / usual.expected
        yield _ratio(
            comparison,
            "tokens",
            kind="night",
            ratio=ratio,
            below=tokens_rule.below,
            above=tokens_rule.above,
            p=usual.p(now.tokens),
            text=text,
        )
    assert comparison.baseline is not None
    expected = comparison.baseline.pooled.tokens / comparison.baseline.pooled.documents
    p = fixed_tokens(comparison).p(tokens_a_document)
    if (mean := comparison.usual.tokens_a_document) is not None:
        expected, p = mean.expected, min(p, mean.p(tokens_a_document))
    if expected > 0:
        text = (
            f"a document of {name} has {tokens_a_document:,.0f} tokens on average, and "
            f"{expected:,.0f} usually"
        )
        yield _ratio(
            comparison,
            "tokens",
            kind="document",
            ratio=tokens_a_document / expected,
            below=tokens_rule.document_below,
            above=tokens_rule.document_above,
            p=p,
            text=text,
        )


def _ratio(
    comparison: Comparison,
    rule: Rule,
    kind: str,
    ratio: float,
    below: float,
    above: float | None,
    p: float,
    text: str,
) -> Candidate:
    """Make the candidate of a figure divided by its usual value."""
    past = ratio < below or (above is not None and ratio > above)
    threshold = above if above and ratio > 1 else below
    return Candidate(
        label=comparison.tonight.label,
        rule=rule,
        effect=ratio,
        threshold=threshold,
        past=past,
        p=p,
        sentence=text,
        kind=kind,
        strength=_log(ratio),
    )


def _log(ratio: float) -> float:
    """Return the logarithm of a ratio; of a very small one, if the ratio is 0."""
    return math.log(max(ratio, NOTHING))
