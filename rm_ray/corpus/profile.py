"""Where in a row group its text lies, and how rows are cut by it. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Text between two points where a profile bends, but for half as much more: some 8,000 tokens.
STEP_BYTES = 32 << 10

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Profile:
    """Where in a row group its text lies: a line of straight pieces."""

    rows: Ints
    """The rows at which the pieces meet, from 0 to the number of rows."""
    shares: Floats
    """The share of the text that lies before each of these rows, from 0 to 1."""

    @classmethod
    def of(cls, lengths: Floats) -> "Profile | None":
        """The profile of rows of these bytes; None where a straight line is as good.

        Points lie where another `STEP_BYTES` of text are full, and on both sides of a long row, but
        for those at which the line does not bend. So a profile grows with the text that it tells
        of, as the plan does that is cut by it.
        """
        truth = np.concatenate([[0.0], np.cumsum(lengths)])
        total = truth[-1]
        if np.abs(truth - np.linspace(0, total, len(truth))).max() <= STEP_BYTES:
            return None
        full = np.searchsorted(truth, np.arange(STEP_BYTES, total, STEP_BYTES))
        long = np.flatnonzero(lengths > STEP_BYTES / 2)
        points = np.unique(np.concatenate([[0], full, long, long + 1, [len(lengths)]]))
        slopes = np.diff(truth[points]) / np.diff(points)
        bends = ~np.isclose(slopes[1:], slopes[:-1], rtol=1e-9, atol=0)
        points = points[np.concatenate([[True], bends, [True]])]
        return cls(points, truth[points] / total)

    def before(self, rows: Ints) -> Floats:
        """The share of the text that lies before each of some rows."""
        return np.interp(rows, self.rows, self.shares)

    def row_at(self, share: float) -> int:
        """The row at which this share of the text has been passed."""
        return int(np.interp(share, self.shares, self.rows))


def uneven_cuts(before: Floats, max_rows: int, most: float) -> list[int]:
    """Where rows are cut into spans of at most `max_rows` rows and `most` tokens, or of one row.

    Args:
        before: tokens before each row, and last before the end.
    """
    most *= 1 + 1e-9  # sums of floating-point numbers are not exact
    cuts = [0]
    while cuts[-1] < len(before) - 1:
        start = cuts[-1]
        stop = int(np.searchsorted(before, before[start] + most, side="right")) - 1
        cuts.append(max(start + 1, min(stop, start + max_rows, len(before) - 1)))
    return cuts


def share(rows: int, start: int, stop: int, profile: Profile | None) -> float:
    """The share of a row group's text that its rows [start, stop) have."""
    if profile is None:
        return (stop - start) / rows
    before, after = profile.before(np.array([start, stop]))
    return float(after - before)
