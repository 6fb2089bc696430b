"""The plan of a pairs run, and an estimate of the number of pairs."""

from dataclasses import dataclass

from rm_ray.judges.judge import TokenIds
from rm_ray.judges.preference.windows import WindowRule
from rm_ray.pairs.config import PairsConfig
from rm_ray.pairs.drawing import whole_chunks
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.planning import ScorePlanning


@dataclass(frozen=True)
class PairsPlanning(ScorePlanning):
    """A plan of a pairs run; the windows of its `estimate` are pairs."""

    donors: tuple[str, ...]
    """Texts of other documents, for kinds that mix these in."""


@dataclass(frozen=True)
class PairsEstimator:
    """Estimates how many pairs a document gives."""

    config: PairsConfig
    """Section `pairs` of the configuration."""
    rule: WindowRule
    """Rule by which the judge cuts documents into windows."""

    def of(self, ids: TokenIds) -> ScoreCounts:
        """Count the pairs of a document, as windows."""
        chunks = whole_chunks(len(ids), self.rule, self.config)
        return ScoreCounts(windows=min(self.config.per_document, len(chunks)))
