"""Changes so large that they are told however few nights there are, or however much these differ.

Few nights that differ much predict hardly anything (`usual.py`). A share of documents with a reward
below half of the lowest that a quiet night had is told all the same, and documents of fewer than a
quarter of the fewest tokens. A baseline that is one run has one night: all its documents.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import stats

from rm_ray.report.compare.comparison import Comparison
from rm_ray.report.compare.usual import TOKENS_CV2

REWARDED, TOKENS = 0.5, 0.25


@dataclass(frozen=True)
class Fixed:
    """A rule of a figure of tonight."""

    below: float
    """The rule speaks of figures below this one."""
    chance: Callable[[float], float]
    """How often chance makes the figure."""

    def p(self, value: float) -> float:
        """How often chance makes the figure; 1 where the rule does not speak of it."""
        return self.chance(value) if value < self.below else 1.0

    def told_below(self, p: float) -> float:
        """Figures below this one have a smaller p; 0 where those of the rule do not have it."""
        return self.below if self.chance(self.below) <= p else 0.0


def fixed_share(one: Comparison) -> Fixed:
    """The rule of the share of documents with a reward. Both nights have documents."""
    assert one.baseline is not None
    now, before = one.tonight, one.baseline.pooled
    lowest = min(
        (night.scored / night.documents for night in one.counts if night.documents),
        default=before.scored / before.documents,
    )

    def fisher(share: float) -> float:
        """Fisher's exact test: tonight's documents are drawn among all."""
        scored = round(share * now.documents)
        everybody = now.documents + before.documents
        return float(stats.hypergeom.cdf(scored, everybody, scored + before.scored, now.documents))

    return Fixed(REWARDED * lowest, fisher)


def fixed_tokens(one: Comparison) -> Fixed:
    """The rule of the tokens of a document. Both nights have documents."""
    assert one.baseline is not None
    now, before = one.tonight, one.baseline.pooled
    fewest = min(
        (night.tokens / night.documents for night in one.counts if night.documents),
        default=before.tokens / before.documents,
    )
    error = math.sqrt(TOKENS_CV2 * (1 / now.documents + 1 / before.documents))

    def normal(tokens: float) -> float:
        """Of the difference of two logarithms."""
        if not fewest:
            return 1.0
        away = abs(math.log(max(tokens, 1e-9) / fewest))
        return float(2 * stats.norm.sf(away / error))

    return Fixed(TOKENS * fewest, normal)
