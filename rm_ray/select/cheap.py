"""The cheap judge's decision: thresholds beyond which it decides alone.

Imports neither scipy nor anything above the judges, so that it is quick to load anywhere.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rm_ray.judges.preference.stopping import Band, Floats, Sides


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
    strictness: float
    """Standard deviations by which the prediction has to clear the nearer end of the band."""

    def thresholds(self, band: Band) -> tuple[float, float]:
        """Return the cheap rewards below which documents are dropped, and above which kept.

        An infinite threshold decides nobody.
        """
        margin = self.strictness * self.deviation
        predicted = self.slope * np.asarray(self.cheap_scores)
        below = int(np.searchsorted(predicted, self._score(band.lower) - margin, "left"))
        above = int(np.searchsorted(predicted, self._score(band.upper) + margin, "right")) - 1
        last = len(self.cheap) - 1
        lower = self.cheap[below] if 0 < below <= last else -math.inf
        upper = self.cheap[above] if 0 <= above < last else math.inf
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
        return cls(**values)

    def _score(self, reward: float) -> float:
        """Return the normal score of a reward; infinite beyond the rewards of the fit."""
        return float(np.interp(reward, self.rewards, self.scores, left=-math.inf, right=math.inf))
