"""Where the judge sees something else than quality, or nothing: groups, length, place."""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats

from rm_ray.report.figures import Blind, BlindGroup, Correlation
from rm_ray.report.measure.nights import OTHER, GroupNight, Night, name_of

# Of all documents' sd; 12 of 98 sources of one corpus were below it (marin 6860).
FLAT = 0.1
# Documents that a correlation needs at least.
LEAST = 30
# Classes of length.
CLASSES = 10


def blind(night: Night, sample: pa.Table) -> Blind | None:
    """What the rewards follow, of a night and its sample; None where there is no reward."""
    whole = night.whole.moments
    if not whole.documents:
        return None
    groups = {label: one for label, one in night.groups.items() if one.scored}
    total = whole.variance * whole.documents
    between = sum(one.scored * (one.moments.mean - whole.mean) ** 2 for one in groups.values())
    rewards, tokens = (sample.column(name).to_numpy() for name in ("reward", "tokens"))
    return Blind(
        between_share=min(1.0, between / total) if total > 0 else 0.0,
        length=correlation(rewards, tokens),
        position=correlation(rewards, sample.column("place").to_numpy()),
        length_medians=_medians(rewards, tokens),
        groups=_groups(groups, whole.sd, _rows_of(sample, night)),
    )


def correlation(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> Correlation | None:
    """Spearman's; the margin as Bonett and Wright (2000) have it. None where there are too few
    documents, or one side does not vary.
    """
    n = len(one)
    if n < LEAST or np.ptp(one.astype(float)) == 0 or np.ptp(other.astype(float)) == 0:
        return None
    rho = float(stats.spearmanr(one, other).statistic)
    # on Fisher's scale, and back
    error = 1.96 * math.sqrt((1 + rho * rho / 2) / (n - 3))
    at = math.atanh(max(-1 + 1e-12, min(1 - 1e-12, rho)))
    margin = (math.tanh(at + error) - math.tanh(at - error)) / 2
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
    """The sample by label, those that stand for themselves; the others together."""
    labels = sample.column("group").cast(pa.string())
    known = [label for label in night.groups if label != OTHER]
    found = {label: sample.filter(pc.equal(labels, label)) for label in known}
    if OTHER in night.groups:
        among = pc.is_in(labels, pa.array(known, pa.string()))
        found[OTHER] = sample.filter(pc.invert(among))
    return found


def _groups(
    groups: Mapping[str, GroupNight], whole_sd: float, rows: Mapping[str, pa.Table]
) -> list[BlindGroup]:
    found = []
    for label, one in groups.items():
        mine, sd = rows[label], one.moments.sd
        relative = sd / whole_sd if whole_sd else 1.0
        length = correlation(mine.column("reward").to_numpy(), mine.column("tokens").to_numpy())
        found.append(
            BlindGroup(
                name=name_of(label),
                sd=sd,
                relative_sd=relative,
                length=length,
                flat=relative < FLAT and one.scored >= LEAST,
            )
        )
    return found
