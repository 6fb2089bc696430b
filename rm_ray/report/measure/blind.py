"""Signs that the judge sees something else than quality, or nothing: group, length, place."""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats

from rm_ray.report.figures import Blind, BlindGroup, Correlation
from rm_ray.report.measure.nights import OTHER, GroupNight, Night, name_of

# A group is flat below this share of the sd of all documents; 12 of 98 sources of one corpus were
# (marin 6860).
FLAT = 0.1
# A correlation needs at least so many documents.
LEAST = 30
# Number of classes of length.
CLASSES = 10


def blind(night: Night, sample: pa.Table) -> Blind | None:
    """Measure how far the rewards follow group, length and place; None if there is no reward.

    Args:
        night: tonight, group by group.
        sample: rows of a sample of its documents.
    """
    whole = night.whole.moments
    if not whole.documents:
        return None
    groups = {label: group for label, group in night.groups.items() if group.scored}
    total = whole.variance * whole.documents
    between = sum(
        group.scored * (group.moments.mean - whole.mean) ** 2 for group in groups.values()
    )
    rewards, tokens = (sample.column(name).to_numpy() for name in ("reward", "tokens"))
    return Blind(
        between_share=min(1.0, between / total) if total > 0 else 0.0,
        length=correlation(rewards, tokens),
        position=correlation(rewards, sample.column("place").to_numpy()),
        length_medians=_medians(rewards, tokens),
        groups=_groups(groups, whole.sd, _rows_of(sample, night)),
    )


def correlation(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> Correlation | None:
    """Return Spearman's rank correlation, with the margin of Bonett and Wright (2000).

    None if there are too few documents, or one side does not vary.
    """
    n = len(one)
    if n < LEAST or np.ptp(one.astype(float)) == 0 or np.ptp(other.astype(float)) == 0:
        return None
    rho = float(stats.spearmanr(one, other).statistic)
    # the interval is symmetric on Fisher's scale
    error = 1.96 * math.sqrt((1 + rho * rho / 2) / (n - 3))
    center = math.atanh(max(-1 + 1e-12, min(1 - 1e-12, rho)))
    margin = (math.tanh(center + error) - math.tanh(center - error)) / 2
    return Correlation(rho=rho, margin=margin, documents=n)


def _medians(
    rewards: npt.NDArray[np.float32], tokens: npt.NDArray[np.int64]
) -> list[tuple[float, float]]:
    if len(tokens) < CLASSES:
        return []
    order = np.argsort(tokens, kind="stable")
    classes = np.array_split(order, CLASSES)
    return [(float(np.median(tokens[c])), float(np.median(rewards[c]))) for c in classes]


def _rows_of(sample: pa.Table, night: Night) -> dict[str, pa.Table]:
    """Split the sample by group label; the groups without an entry of their own are OTHER."""
    labels = sample.column("group").cast(pa.string())
    known = [label for label in night.groups if label != OTHER]
    rows = {label: sample.filter(pc.equal(labels, label)) for label in known}
    if OTHER in night.groups:
        is_known = pc.is_in(labels, pa.array(known, pa.string()))
        rows[OTHER] = sample.filter(pc.invert(is_known))
    return rows


def _groups(
    groups: Mapping[str, GroupNight], whole_sd: float, rows: Mapping[str, pa.Table]
) -> list[BlindGroup]:
    blind_groups = []
    for label, group in groups.items():
        sample, sd = rows[label], group.moments.sd
        relative = sd / whole_sd if whole_sd else 1.0
        length = correlation(sample.column("reward").to_numpy(), sample.column("tokens").to_numpy())
        blind_groups.append(
            BlindGroup(
                name=name_of(label),
                sd=sd,
                relative_sd=relative,
                length=length,
                flat=relative < FLAT and group.scored >= LEAST,
            )
        )
    return blind_groups
