"""The figures of each group beside those of its baseline."""

from collections.abc import Mapping, Sequence

import numpy as np

from rm_ray.corpus.groups import group_label
from rm_ray.counts.histograms import Histogram
from rm_ray.report.compare.comparison import Comparison
from rm_ray.report.compare.fixed import fixed_share, fixed_tokens
from rm_ray.report.compare.usual import LEAST_NIGHTS, Usual
from rm_ray.report.config import AlertsConfig
from rm_ray.report.facts import RepeatFigures
from rm_ray.report.figures import (
    QUANTILES,
    CreepFigures,
    Distribution,
    GroupFigures,
    Range,
    UsualFigures,
)
from rm_ray.report.measure.nights import GroupNight, name_of

# Number of bins of all histograms, and the quantiles of tonight and the baseline together that they
# lie between. The first and the last bin include all rewards beyond.
BINS, ENDS = 48, (0.002, 0.998)
# Half of a 95% interval, in standard errors.
MARGIN = 1.96


def bin_edges(whole: Comparison) -> list[float]:
    """Return the edges of the bins, ascending; none if there is no reward.

    Args:
        whole: the comparison of all documents.
    """
    histograms = [whole.tonight.histogram]
    if whole.baseline is not None:
        histograms.append(whole.baseline.pooled.histogram)
    pooled = Histogram.pool(histograms)
    if not pooled.size:
        return []
    low, high = pooled.quantiles(ENDS).tolist()
    if low == high:
        low, high = low - 0.5, high + 0.5
    return [float(edge) for edge in np.linspace(low, high, BINS + 1)]


def group_figures(
    one: Comparison, edges: Sequence[float], rules: AlertsConfig, p: float
) -> GroupFigures:
    """Return the figures of one group.

    Args:
        one: the comparison of the group.
        edges: edges of the bins of the histograms.
        rules: the configuration of the alerts.
        p: the largest p with which an effect alerts.
    """
    now, before = one.tonight, one.baseline
    return GroupFigures(
        name=name_of(now.label),
        label=now.label if now.label is not None else group_label([]),
        documents=now.documents,
        tokens=now.tokens,
        scored=now.scored,
        statuses=now.statuses,
        failed_share=now.failed / now.documents if now.documents else 0.0,
        expected=before.expected if before else None,
        tonight=distribution(now),
        baseline=distribution(before.pooled) if before else None,
        histogram=_shares(now.histogram, edges),
        baseline_histogram=_shares(before.pooled.histogram, edges)
        if before and before.pooled.scored
        else None,
        drift=one.drift(rules.drift.above, p),
        spread=one.effects.spread if one.effects else None,
        nights=list(before.names) if before else [],
        usual=usual_figures(one, rules, p),
        creep=_creep(one),
        outliers=one.outliers,
        untold=one.untold,
        repeats=_repeats(now),
    )


def _repeats(group: GroupNight) -> RepeatFigures | None:
    if group.repeats is None:
        return None
    return RepeatFigures(
        earlier=round(group.repeats.earlier),
        within=round(group.repeats.within),
        margin=MARGIN * group.repeats.error,
    )


def usual_figures(one: Comparison, rules: AlertsConfig, p: float) -> UsualFigures:
    """Return the usual counts of a group, and the changes that would alert.

    Args:
        one: the comparison of the group.
        rules: the configuration of the alerts.
        p: the largest p with which an effect alerts.
    """
    usual, remark = one.usual, None
    if one.baseline is not None and usual.documents is None:
        remark = (
            "of the counts, only a lack of documents, of rewards or of most tokens alerts so far "
            f"(quiet nights: {len(one.counts)}); from {LEAST_NIGHTS} quiet nights on, other "
            "changes of counts do too. Changed rewards alert from the second night on"
        )
    tokens = rules.tokens
    both_have_documents = (
        one.baseline is not None and one.baseline.pooled.documents and one.tonight.documents
    )
    fixed_each = fixed_tokens(one).told_below(p) if both_have_documents else 0.0
    fixed_part = fixed_share(one).told_below(p) if both_have_documents else 0.0
    return UsualFigures(
        nights=len(one.counts),
        documents=_range(usual.documents, p, rules.volume.below, rules.volume.above),
        tokens=_range(usual.tokens, p, tokens.below, tokens.above),
        tokens_a_document=_range(
            usual.tokens_a_document,
            p,
            below=tokens.document_below,
            above=tokens.document_above,
            fixed=fixed_each,
        ),
        rewarded=_range(
            usual.rewarded, p, below=rules.rewarded.below, above=None, fixed=fixed_part
        ),
        remark=remark,
    )


def _range(
    usual: Usual | None, p: float, below: float, above: float | None, fixed: float = 0.0
) -> Range | None:
    """Return the values that do not alert. A fixed rule alerts below `fixed`."""
    if usual is None:
        return None
    low, high = usual.limits(p)
    low = min(max(low, fixed), below * usual.expected)
    return Range(
        expected=usual.expected,
        low=low if low > 0 else None,
        high=None if above is None else max(high, above * usual.expected),
    )


def _creep(comparison: Comparison) -> CreepFigures:
    creep = comparison.creep
    return CreepFigures(
        weeks=creep.weeks,
        slope=creep.slope,
        moved=creep.moved,
        p=None if creep.remark else creep.p,
        remark=creep.remark,
    )


def distribution(group: GroupNight) -> Distribution | None:
    """Return the distribution of a group's rewards; None if there are no rewards."""
    histogram, moments = group.histogram, group.moments
    if not moments.documents:
        return None
    values = histogram.values
    return Distribution(
        documents=moments.documents,
        tokens=int(histogram.tokens.sum()),
        mean=moments.mean,
        sd=moments.sd,
        minimum=float(values[-1]),
        maximum=float(values[0]),
        quantiles={
            f"{share:g}": float(value)
            for share, value in zip(QUANTILES, histogram.quantiles(QUANTILES), strict=True)
        },
    )


def in_order(comparisons: Mapping[str | None, Comparison]) -> list[Comparison]:
    """Return the groups, the largest first, by tonight's or the expected number of documents."""
    groups = [one for label, one in comparisons.items() if label is not None]

    def size(one: Comparison) -> tuple[float, str]:
        before = one.baseline.expected if one.baseline else 0.0
        return -max(one.tonight.documents, before), one.tonight.label or ""

    return sorted(groups, key=size)


def _shares(histogram: Histogram, edges: Sequence[float]) -> list[float]:
    if not histogram.size or not edges:
        return []
    below = np.concatenate([[0], histogram.below(edges[1:-1]), [histogram.size]])
    return [float(share) for share in np.diff(below) / histogram.size]
