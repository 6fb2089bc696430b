"""From what the corpus is now to what there is to do, and the texts that some kinds mix in."""

from dataclasses import dataclass

from rm_ray.judges.judge import TokenIds
from rm_ray.judges.preference.windows import WindowRule
from rm_ray.pairs.config import PairsConfig
from rm_ray.pairs.drawing import whole_chunks
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.planning import ScorePlanning


@dataclass(frozen=True)
class PairsPlanning(ScorePlanning):
    """`donors`: texts of other documents. Of `estimate`, the windows are pairs."""

    donors: tuple[str, ...]


@dataclass(frozen=True)
class PairsEstimator:
    """Estimates how many pairs a document gives."""

    config: PairsConfig
    rule: WindowRule

    def of(self, ids: TokenIds) -> ScoreCounts:
        """Count its pairs, as windows."""
        chunks = whole_chunks(len(ids), self.rule, self.config)
        return ScoreCounts(windows=min(self.config.per_document, len(chunks)))
