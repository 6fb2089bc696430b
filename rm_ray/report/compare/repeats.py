"""Documents that came before: on an earlier night, or twice in the night itself.

Up to a bound all keys of a night are known, and the counts are exact. Beyond it, a document is
found if its hash is among the kept ones of both nights. Each found document then counts for as many
as it stands for (Horvitz and Thompson 1952), so that the counts are right on average. Their
standard error is stated.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from rm_ray.counts.order import Hashes, Ints
from rm_ray.report.compare.candidate import Candidate
from rm_ray.report.compare.comparison import Comparison
from rm_ray.report.config import RepeatedRule
from rm_ray.report.measure.nights import GroupNight, Repeats, name_of
from rm_ray.report.measure.seen import ALL, Seen


@dataclass(frozen=True)
class Found:
    """The documents of a night that came before."""

    by_label: dict[str | None, Repeats]
    """Counts by the group's label; None is all documents."""
    nights: int
    """Earlier nights whose documents are known."""
    sampled: float
    """The least share of a night's keys that is known."""


def find(tonight: Seen, earlier: Iterable[tuple[Hashes, int]]) -> Found:
    """Count the documents that came before.

    Args:
        tonight: the night's documents.
        earlier: for each earlier night its hashes, ascending, and the hash that they are below.
    """
    keys = tonight.keys
    known = np.zeros(len(keys))  # the share of keys that the best known night with the key keeps
    nights, sampled = 0, tonight.share
    for hashes, below in earlier:
        nights, sampled = nights + 1, min(sampled, below / ALL)
        at = np.searchsorted(hashes, keys)
        inside = at < len(hashes)
        inside[inside] = hashes[at[inside]] == keys[inside]
        known[inside] = np.maximum(known[inside], below / ALL)
    number = np.searchsorted(keys, tonight.hashes)
    came = known[number] > 0
    chance = np.minimum(known[number], tonight.share)
    copies = np.zeros(len(keys), np.int64)
    np.add.at(copies, number, tonight.counts)
    by_label: dict[str | None, Repeats] = {}
    for code, label in enumerate(tonight.groups):
        own = tonight.codes == code
        counts = tonight.counts[own]
        by_label[label] = _count(counts, came[own], chance[own], tonight.share)
    seen = known > 0
    by_label[None] = _count(copies, seen, np.minimum(known, tonight.share), tonight.share)
    return Found(by_label, nights, sampled)


def _count(
    counts: Ints, came: npt.NDArray[np.bool_], chance: npt.NDArray[np.float64], share: float
) -> Repeats:
    """Estimate from the kept keys of a group.

    Args:
        counts: documents of each key.
        came: True for each key that an earlier night has.
        chance: the chance with which a key that came was found.
        share: the share of tonight's keys that are kept.
    """
    old, p = counts[came].astype(float), chance[came]
    again = (counts[~came] - 1).astype(float)
    variance = float((old**2 * (1 - p) / p**2).sum())
    variance += float((again**2).sum()) * (1 - share) / share**2
    return Repeats(float((old / p).sum()), float(again.sum()) / share, variance**0.5)


def of_repeats(comparison: Comparison, rule: RepeatedRule) -> Iterator[Candidate]:
    """Yield the candidate of a group with documents that came before.

    The share is compared with the limit, and with the share of the group's quiet nights.
    """
    now = comparison.tonight
    if now.repeats is None or not now.documents:
        return
    usual = [night for night in comparison.counts if night.repeated is not None and night.documents]
    documents = sum(night.documents for night in usual)
    share = now.repeats.documents / now.documents
    before = sum(night.repeated or 0.0 for night in usual) / documents if documents else 0.0
    limit = max(rule.above, min(before, 1.0))
    # an estimate counts as so many documents as make its error
    of = now.documents if not now.repeats.error else _worth(share, now)
    p = float(stats.binom.sf(round(share * of) - 1, of, limit)) if share > 0 else 1.0
    name = name_of(now.label)
    about = "" if not now.repeats.error else "about "
    parts = [
        f"{about}{many:,.0f} {when}"
        for many, when in (
            (now.repeats.earlier, "on earlier nights"),
            (now.repeats.within, "twice in this one"),
        )
        if many
    ]
    usually = f", and {before:.0%} usually" if usual else ""
    yield Candidate(
        label=now.label,
        rule="repeated",
        effect=share,
        threshold=rule.above,
        past=share > limit,
        p=p,
        sentence=f"{share:.0%} of the documents of {name} came before: {' and '.join(parts)}"
        f"{usually}",
        strength=share,
    )


def _worth(share: float, now: GroupNight) -> int:
    """Return how many documents, counted exactly, would tell a share as well as an estimate does.

    A share of n documents has the variance share * (1 - share) / n.
    """
    error = (now.repeats.error if now.repeats else 0.0) / now.documents
    spread = share * (1 - min(share, 1 - 1 / now.documents))
    return max(1, min(now.documents, int(spread / error**2)))
