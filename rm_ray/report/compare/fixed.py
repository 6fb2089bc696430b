"""Fixed rules: changes so large that they alert even after few nights, or nights that differ much.

Few nights that differ much predict hardly anything (`usual.py`). Two changes can alert without a
prediction. The share of documents with a reward is below half of the lowest share of a quiet night.
Or the tokens of a document are below a quarter of the fewest of a quiet night. A baseline without
quiet nights, such as a run, counts as one night with all its documents.
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
    """A fixed rule for one figure of tonight."""

    below: float
    """The rule applies to figures below this one."""
    chance: Callable[[float], float]
    """Returns how often chance makes a figure."""

    def p(self, value: float) -> float:
        """Return how often chance makes the figure; 1 if the rule does not apply to it."""
        return self.chance(value) if value < self.below else 1.0

    def told_below(self, p: float) -> float:
        """Return the limit of the rule if figures below it have at most this p; 0 otherwise."""
        return self.below if self.chance(self.below) <= p else 0.0


def fixed_share(one: Comparison) -> Fixed:
    """Return the rule for the share of documents with a reward. Both sides have documents."""
    assert one.baseline is not None
    now, before = one.tonight, one.baseline.pooled
    lowest = min(
        (night.scored / night.documents for night in one.counts if night.documents),
        default=before.scored / before.documents,
    )

    def fisher(share: float) -> float:
        """Return p by Fisher's exact test: tonight's documents are drawn from all documents."""
        scored = round(share * now.documents)
        documents = now.documents + before.documents
        return float(stats.hypergeom.cdf(scored, documents, scored + before.scored, now.documents))

    return Fixed(REWARDED * lowest, fisher)


def fixed_tokens(one: Comparison) -> Fixed:
    """Return the rule for the tokens of a document. Both sides have documents."""
    assert one.baseline is not None
    now, before = one.tonight, one.baseline.pooled
    fewest = min(
        (night.tokens / night.documents for night in one.counts if night.documents),
        default=before.tokens / before.documents,
    )
    error = math.sqrt(TOKENS_CV2 * (1 / now.documents + 1 / before.documents))

    def normal(tokens: float) -> float:
        """Return p of the difference of two logarithms, by a normal distribution."""
        if not fewest:
            return 1.0
        away = abs(math.log(max(tokens, 1e-9) / fewest))
        return float(2 * stats.norm.sf(away / error))

    return Fixed(TOKENS * fewest, normal)
