"""The cheap judge's decision: thresholds beyond which it decides alone.

Imports neither scipy nor anything above the judges, so that it is quick to load anywhere.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rm_ray.judges.preference.stopping import NOBODY, Band, Floats, Sides, Strictness


@dataclass(frozen=True)
class CheapForecast:
    """A CheapForecast predicts the rank of a document's reward from the rank of its cheap reward.

    Both ranks are taken as quantiles of the normal distribution (normal scores). So transforming
    the cheap reward changes nothing, as long as its order stays.
    """

    cheap: tuple[float, ...]
    """The different cheap rewards of the fit, ascending, [values]."""
    cheap_scores: tuple[float, ...]
    """The normal score of each, [values]."""
    rewards: tuple[float, ...]
    """The different rewards of the fit, ascending, [rewards]."""
    scores: tuple[float, ...]
    """The normal score of each, [rewards]."""
    slope: float
    """Change of the reward's score with the cheap reward's score; above 0."""
    deviation: float
    """Standard deviation of the reward's score about the prediction."""
    strictness: Strictness = NOBODY
    """By how much the prediction has to clear the band, in its standard deviations."""

    def thresholds(self, band: Band) -> tuple[float, float]:
        """Return the cheap rewards below which documents are dropped, and above which kept.

        An infinite threshold decides nobody.
        """
        predicted = self.slope * np.asarray(self.cheap_scores)
        last = len(self.cheap) - 1
        lower, upper = -math.inf, math.inf
        if self.strictness.drop is not None:
            lowest = self._score(band.lower) - self.strictness.drop * self.deviation
            place = int(np.searchsorted(predicted, lowest, "left"))
            lower = self.cheap[place] if 0 < place <= last else lower
        if self.strictness.keep is not None:
            highest = self._score(band.upper) + self.strictness.keep * self.deviation
            place = int(np.searchsorted(predicted, highest, "right")) - 1
            upper = self.cheap[place] if 0 <= place < last else upper
        return lower, upper

    def side(self, cheap: Floats, band: Band) -> Sides:
        """Decide on documents: 1 if surely kept, -1 if surely dropped, 0 in doubt, [documents].

        Args:
            cheap: cheap rewards, nan for none; such a document is in doubt, [documents].
            band: where the cut lies.
        """
        lower, upper = self.thresholds(band)
        return (cheap > upper).astype(np.int8) - (cheap < lower).astype(np.int8)

    def to_json(self) -> dict[str, Any]:
        """Return the forecast as a dict that JSON can hold."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "CheapForecast":
        """Make the forecast from the dict of `to_json`."""
        values: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in data.items()
        }
        return cls(**{**values, "strictness": Strictness(**data["strictness"])})

    def _score(self, reward: float) -> float:
        """Return the normal score of a reward; infinite beyond the rewards of the fit."""
        return float(np.interp(reward, self.rewards, self.scores, left=-math.inf, right=math.inf))
