"""The calibrated stop rule: stops judging a document once the side of the cut is clear enough.

At each look the rule forecasts the document's reward from the mean of the chunks that were judged.
The forecasts are fitted on documents that were judged whole, and `rm_ray.select` measures on other
such documents how often the rule is wrong. So nothing has to be assumed about the chunks.

Pure: a chunk is only its number in the document.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Sides = npt.NDArray[np.int8]
# Intervals to which chunk rewards are clipped: lowest and highest.
Clips = tuple[tuple[float, float], ...]
Side = Literal[-1, 0, 1]
SideName = Literal["keep", "drop"]

KEPT: Side = 1
DROPPED: Side = -1
# Chunks that are judged, in all, at each look: each has about half as many again as the one before.
LOOKS = (1, 2, 3, *(int(4 * 1.5**look) for look in range(18)))


@dataclass(frozen=True)
class Band:
    """A Band is the interval of rewards in which the cut lies."""

    lower: float
    """The lower end: documents with lower rewards are dropped."""
    upper: float
    """The upper end: documents with higher rewards are kept."""


@dataclass(frozen=True)
class Strictness:
    """A Strictness says how sure a decision has to be, on each side of the cut.

    It is in standard deviations of the prediction. The sides differ because rewards are skewed: a
    few chunks far below the others make it harder to be sure that a document is kept.

    Raises:
        ValueError: a strictness is negative or not finite.
    """

    keep: float | None
    """Distance above the band that keeps a document; None to keep no document early."""
    drop: float | None
    """Distance below the band that drops a document; None to drop no document early."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(f"the strictness to {name} must be at least 0, and is {value}")

    def with_side(self, side: SideName, value: float) -> "Strictness":
        """Return the same with another strictness on one side."""
        return Strictness(value, self.drop) if side == "keep" else Strictness(self.keep, value)


NOBODY = Strictness(None, None)


@dataclass(frozen=True)
class Forecast:
    """A Forecast predicts a document's reward at one look, from means of the judged chunks.

    The mean of the remaining chunks is predicted as the intercept and a slope times each mean: the
    plain mean, and the means of the chunk rewards clipped to `StopTable.clips`. Where a few chunks
    lie far from the others, the clipped means say more about the chunks to come.

    The variance about the prediction is between_deviation ** 2 + within_deviation ** 2 / remaining
    chunks: documents differ from each other, and the chunks of a document differ from its mean. So
    it also fits documents that are much longer or shorter than the documents of the fit.
    """

    judged: int
    """Chunks that are judged at this look, from the front of the document."""
    intercept: float
    """Predicted mean of the remaining chunks if all means are 0."""
    slopes: tuple[float, ...]
    """Change of the prediction with each mean, [1 + clips]."""
    between_deviation: float
    """Standard deviation between documents about the prediction, however many chunks remain."""
    within_deviation: float
    """Standard deviation of one remaining chunk; a mean of n chunks has it over sqrt(n)."""

    def predict(self, means: Floats, chunks: Ints) -> tuple[Floats, Floats]:
        """Return the predicted reward of each document, and its standard deviation.

        Args:
            means: means of the judged chunks, [1 + clips, documents].
            chunks: all chunks of the document, more than `judged`, [documents].
        """
        remaining = chunks - self.judged
        rest = np.full(len(chunks), self.intercept)
        for slope, mean in zip(self.slopes, means, strict=True):
            rest += slope * mean
        share = remaining / chunks
        expected = (1 - share) * means[0] + share * rest
        variance = self.between_deviation**2 + self.within_deviation**2 / remaining
        return expected, share * np.sqrt(variance)


@dataclass(frozen=True)
class StopTable:
    """A StopTable is the calibrated stop rule: forecasts, and how sure a decision has to be.

    Raises:
        ValueError: the looks do not ascend, or a forecast does not have a slope for each mean.
    """

    forecasts: tuple[Forecast, ...]
    """The looks, ascending. Judging cannot stop elsewhere."""
    strictness: Strictness
    """By how much the predicted reward has to clear the band, in its standard deviations."""
    clips: Clips = ()
    """Intervals, lowest and highest reward: the forecasts also use means of clipped rewards."""

    def __post_init__(self) -> None:
        looks = [forecast.judged for forecast in self.forecasts]
        if any(b <= a for a, b in pairwise([0, *looks])):
            raise ValueError(f"the looks of a stop rule must ascend from 1, and are {looks}")
        if any(len(forecast.slopes) != 1 + len(self.clips) for forecast in self.forecasts):
            raise ValueError(f"each forecast needs {1 + len(self.clips)} slopes")

    def looks(self, chunks: Sequence[int]) -> list[list[int]]:
        """Cut the numbers of all chunks into looks, front first; the last look is the rest."""
        stops = [forecast.judged for forecast in self.forecasts if forecast.judged < len(chunks)]
        return [list(chunks[a:b]) for a, b in pairwise([0, *stops, len(chunks)])]

    def side(self, rewards: Sequence[float], chunks: int, band: Band) -> Side:
        """Decide on one document: 1 if it is surely kept, -1 if surely dropped, 0 to go on.

        The answer is 0 once all chunks are judged, and between looks.

        Args:
            rewards: rewards of the chunks judged so far, from the front; taken as float32.
            chunks: all chunks of the document that can be judged.
            band: where the cut lies.
        """
        for forecast in self.forecasts:
            if forecast.judged == len(rewards) < chunks:
                exact = np.asarray(rewards, np.float32).astype(np.float64)
                each = [np.cumsum(values)[-1] for values in clipped(exact, self.clips)]
                found = self.sides(
                    forecast,
                    np.array(each)[:, None] / len(rewards),
                    np.array([chunks]),
                    np.array([band.lower]),
                    np.array([band.upper]),
                )
                return cast(Side, int(found[0]))
        return 0

    def sides(
        self, forecast: Forecast, means: Floats, chunks: Ints, lower: Floats, upper: Floats
    ) -> Sides:
        """Decide on documents at one look, as `side` does, [documents].

        Args:
            forecast: the forecast of this look.
            means: means of the judged chunks, plain and clipped, [1 + clips, documents].
            chunks: all chunks of the document, more than are judged, [documents].
            lower: lower end of the document's band, [documents].
            upper: upper end of the document's band, [documents].
        """
        expected, deviation = forecast.predict(means, chunks)
        sides = np.zeros(len(chunks), np.int8)
        if self.strictness.keep is not None:
            sides[expected - self.strictness.keep * deviation > upper] = KEPT
        if self.strictness.drop is not None:
            sides[expected + self.strictness.drop * deviation < lower] = DROPPED
        return sides

    def to_json(self) -> dict[str, Any]:
        """Return the rule as a dict that JSON can hold."""
        forecasts = [asdict(forecast) for forecast in self.forecasts]
        clips = [list(clip) for clip in self.clips]
        return {"forecasts": forecasts, "strictness": asdict(self.strictness), "clips": clips}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "StopTable":
        """Make the rule from the dict of `to_json`."""
        forecasts = tuple(
            Forecast(**{**forecast, "slopes": tuple(forecast["slopes"])})
            for forecast in data["forecasts"]
        )
        clips = tuple((low, high) for low, high in data["clips"])
        return cls(forecasts, Strictness(**data["strictness"]), clips)


def clipped(chunk_rewards: Floats, clips: Clips) -> list[Floats]:
    """Return chunk rewards as they are, and clipped to each interval."""
    return [chunk_rewards, *(chunk_rewards.clip(low, high) for low, high in clips)]


def running_means(chunk_rewards: Floats, offsets: Ints, looks: Sequence[int]) -> Floats:
    """Return the mean of the first chunks of each document at each look, [looks, documents].

    It is nan where no chunk remains after the look. Sums go chunk by chunk from the front, so they
    are the same to the last bit as those of `StopTable.side`.

    Args:
        chunk_rewards: rewards of all chunks, document after document, [chunks].
        offsets: the first chunk of each document, and the end, [documents + 1].
        looks: numbers of judged chunks, ascending.
    """
    counts = np.diff(offsets)
    longest_first = np.argsort(-counts, kind="stable")
    ascending = np.sort(counts)
    means = np.full((len(looks), len(counts)), np.nan)
    sums = np.zeros(len(counts))
    judged = 0
    for row, look in enumerate(looks):
        # the documents with more chunks than this look
        live = longest_first[: len(counts) - np.searchsorted(ascending, look, side="right")]
        for chunk in range(judged, look):
            sums[live] += chunk_rewards[offsets[live] + chunk]
        means[row, live] = sums[live] / look
        judged = look
    return means
