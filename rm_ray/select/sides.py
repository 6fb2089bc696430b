"""The side of the cut on which a document was put without judging it whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.corpus.groups import grouped
from rm_ray.counts.order import Ints
from rm_ray.judges.judge import Judge
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.stopping import Band, Clips, Floats, StopTable, clipped
from rm_ray.select.stage_rows import CHUNKS, chunk_counts
from rm_ray.select.statistics.cheap import CheapForecast

Sides = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Decider:
    """A Decider decides on documents without judging them whole; it can be sent to tasks."""

    judge: Judge
    """The judge of the selection."""
    by: tuple[str, ...]
    """Columns whose values make the groups."""
    bands: Mapping[str, Band]
    """The band of each group's cut, by label; documents of other groups are judged whole."""
    table: StopTable
    """The stop rule."""
    cheap: CheapForecast | None
    """The cheap judge's decision; None without one."""

    def early(self, rows: pa.Table) -> Sides:
        """Decide on documents that were judged in part: 1 kept, -1 dropped, 0 otherwise, [rows].

        Args:
            rows: with `n_tokens`, `chunk_rewards` and the columns of the groups.
        """
        sides = np.zeros(len(rows), np.int8)
        judged, chunks = chunk_counts(rows), self._chunks(rows)
        lower, upper = self._bands(rows)
        for forecast in self.table.forecasts:
            at = np.flatnonzero((judged == forecast.judged) & (chunks > judged))
            if len(at):
                means = _means(rows, at, forecast.judged, self.table.clips)
                sides[at] = self.table.sides(forecast, means, chunks[at], lower[at], upper[at])
        return sides

    def in_part(self, rows: pa.Table) -> npt.NDArray[np.bool_]:
        """Return True for documents of which some chunks were judged, and others not, [rows]."""
        judged = chunk_counts(rows)
        part: npt.NDArray[np.bool_] = (judged > 0) & (judged < self._chunks(rows))
        return part

    def by_cheap(self, rows: pa.Table, cheap: Floats) -> Sides:
        """Decide on documents by their cheap rewards: 1 kept, -1 dropped, 0 in doubt, [rows].

        Args:
            rows: with the columns of the groups.
            cheap: the cheap rewards, nan for none, [rows].
        """
        sides = np.zeros(len(rows), np.int8)
        if self.cheap is None:
            return sides
        labels, codes = self._groups(rows)
        for code, label in enumerate(labels):
            if band := self.bands.get(label):
                at = codes == code
                sides[at] = self.cheap.side(cheap[at], band)
        return sides

    def next_chunk(self, rows: pa.Table) -> Ints:
        """Return the first chunk of each document that was not judged, [rows]."""
        if not isinstance(self.judge, PreferenceJudge):
            return np.zeros(len(rows), np.int64)
        judged = chunk_counts(rows)
        return np.where(judged > 0, judged + self.judge.judgeable(0).start, 0)

    def _chunks(self, rows: pa.Table) -> Ints:
        """Return how many chunks of each document can be judged, [rows]."""
        lengths = pc.fill_null(rows.column("n_tokens"), 0).to_numpy()
        if not isinstance(self.judge, PreferenceJudge):
            return np.ones(len(rows), np.int64)
        distinct, at = np.unique(lengths, return_inverse=True)
        counts = [len(self.judge.judgeable(length)) for length in distinct.tolist()]
        return np.asarray(counts, np.int64)[at]

    def _groups(self, rows: pa.Table) -> tuple[Sequence[str], Ints]:
        return grouped([rows.column(name) for name in self.by], len(rows))

    def _bands(self, rows: pa.Table) -> tuple[Floats, Floats]:
        """Return the ends of each document's band; infinite if it has none, [rows] each."""
        labels, codes = self._groups(rows)
        none = Band(-np.inf, np.inf)
        bands = [self.bands.get(label, none) for label in labels]
        lower = np.array([band.lower for band in bands])
        upper = np.array([band.upper for band in bands])
        return lower[codes], upper[codes]


def _means(rows: pa.Table, at: Ints, count: int, clips: Clips) -> Floats:
    """Return the means of documents' chunk rewards, summed as the stop rule sums them.

    Args:
        rows: with `chunk_rewards`.
        at: numbers of the rows, each with `count` chunk rewards.
        count: chunk rewards of each.
        clips: the intervals of the stop rule.

    Returns:
        The plain means and the clipped ones, [1 + clips, at].
    """
    lists = rows.column(CHUNKS).take(pa.array(at)).combine_chunks()
    rewards = lists.flatten().to_numpy(zero_copy_only=False).reshape(len(at), count)
    each = clipped(rewards.astype(np.float64), clips)
    means: Floats = np.stack([np.cumsum(values, axis=1)[:, -1] for values in each]) / count
    return means
