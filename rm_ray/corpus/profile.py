"""Describe how text is spread over the rows of a row group, and cut rows accordingly. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Bytes of text between two points of a profile, or up to half as many more: some 8,000 tokens.
STEP_BYTES = 32 << 10

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Profile:
    """A profile tells how much text of a row group lies before each row, as a bent line.

    Between two points the line is straight.
    """

    rows: Ints
    """Row number of each point, from 0 to the number of rows."""
    shares: Floats
    """Share of the text before the row of each point, from 0 to 1."""

    @classmethod
    def of(cls, lengths: Floats) -> "Profile | None":
        """Make the profile of rows of these lengths in bytes; None if a straight line is as good.

        There is a point after each `STEP_BYTES` of text, and on both sides of a long row. Points
        at which the line does not bend are left out. So a profile grows in proportion to the text,
        like the plan that is cut by it.
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
        """Return the share of the text that lies before each of these rows."""
        return np.interp(rows, self.rows, self.shares)

    def row_at(self, share: float) -> int:
        """Return the row before which this share of the text lies."""
        return int(np.interp(share, self.shares, self.rows))


def uneven_cuts(before: Floats, max_rows: int, most: float) -> list[int]:
    """Return the rows at which to cut spans of at most `max_rows` rows and `most` tokens.

    A row of more tokens is a span of its own. The first and the last cut are the two ends.

    Args:
        before: tokens before each row, and at the end the tokens of all rows.
        max_rows: most rows of a span.
        most: most tokens of a span.
    """
    most *= 1 + 1e-9  # sums of floating-point numbers are not exact
    cuts = [0]
    while cuts[-1] < len(before) - 1:
        start = cuts[-1]
        stop = int(np.searchsorted(before, before[start] + most, side="right")) - 1
        cuts.append(max(start + 1, min(stop, start + max_rows, len(before) - 1)))
    return cuts


def share(rows: int, start: int, stop: int, profile: Profile | None) -> float:
    """Return the share of a row group's text that lies in its rows [start, stop)."""
    if profile is None:
        return (stop - start) / rows
    before, after = profile.before(np.array([start, stop]))
    return float(after - before)
