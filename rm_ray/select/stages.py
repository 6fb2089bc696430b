"""The stages of a selection: each is a scoring run over some of the corpus's documents.

cheap        the cheap judge, over every document; only if there is one
sample       the judge, over a seeded sample, whole: it calibrates, and audits
main         the judge, over the other documents that are in doubt, until they are clear
wider-1 ...  the judge, over what a wider band leaves in doubt, from where it stopped
"""

from dataclasses import dataclass
from typing import Any

from rm_ray.config import RowsTableConfig
from rm_ray.judges.preference.keys import AdaptiveConfig
from rm_ray.score.config import ScoreConfig
from rm_ray.score.job import ScoreJob, score
from rm_ray.scored.run import ScoredRun, open_scored
from rm_ray.select.config import CHEAP, MAIN, SAMPLE, STAGES, WIDER, SelectConfig


def table_of(stage: str) -> str:
    """Return the folder, within the output folder, of the table of a stage's documents.

    Its name begins with `_`, so that the table is not read as a part of the corpus if the output
    folder lies in the corpus.
    """
    return f"{STAGES}/_{stage}.rows"


@dataclass(frozen=True)
class Stages:
    """Stages makes the scoring runs of a selection, each in a folder of its own."""

    config: SelectConfig
    """The selection's configuration."""

    def cheap(self) -> ScoreConfig:
        """Return the configuration of the cheap judge's run over every document."""
        cheap = self.config.cheap
        assert cheap is not None
        own = {name: getattr(cheap, name) for name in ("engine", "pool")}
        given = {name: value for name, value in own.items() if value is not None}
        return self._stage(CHEAP, judge=cheap.judge, **given)

    def sample(self, fraction: float) -> ScoreConfig:
        """Return the configuration of the sample's run.

        Args:
            fraction: share of the documents that are sampled.
        """
        return self._stage(SAMPLE, {"sample_fraction": fraction, **self._seeded})

    def main(self, sampled: float, rule: str | None, rows: str | None = None) -> ScoreConfig:
        """Return the configuration of the run over the documents that are not in the sample.

        Args:
            sampled: share of the documents that are in the sample.
            rule: file of the stop rule; None to judge whole.
            rows: table of the documents in doubt; None for all that are not in the sample.
        """
        chosen = self._table(rows) if rows else {}
        if not rows and sampled:
            chosen = {"sample_skip": sampled, **self._seeded}
        judge = self.config.judge
        if rule:
            stop = AdaptiveConfig(rule=rule, storage=self.config.output.storage)
            judge = judge.model_copy(update={"adaptive": stop})
        return self._stage(MAIN, chosen, judge=judge)

    def wider(self, number: int, rows: str) -> ScoreConfig:
        """Return the configuration of a run over what a wider band leaves in doubt."""
        return self._stage(f"{WIDER}-{number}", self._table(rows))

    def run(self, stage: ScoreConfig) -> ScoredRun:
        """Run a stage to its end, and open it.

        Raises:
            Refused: the stage cannot run as configured.
            Incomplete: documents are missing, or too many failed.
        """
        score(stage)
        return open_scored(stage.output.path, stage.output.storage)

    def job(self, stage: ScoreConfig) -> ScoreJob:
        """Return the scoring job of a stage, which knows its judge and its fingerprint."""
        return ScoreJob(stage)

    def _table(self, rows: str) -> dict[str, Any]:
        return {"rows": rows, "rows_table": RowsTableConfig(storage=self.config.output.storage)}

    @property
    def _seeded(self) -> dict[str, Any]:
        return {"sample_seed": self.config.select.seed}

    def _stage(
        self, name: str, chosen: dict[str, Any] | None = None, **changed: Any
    ) -> ScoreConfig:
        """Return the configuration of a stage: the selection's, with a choice of rows."""
        config = self.config
        settings = {field: getattr(config, field) for field in ScoreConfig.model_fields}
        keep = list(dict.fromkeys([*config.input.keep, *config.by_columns]))
        limit = None if chosen and "rows" in chosen else config.input.limit
        inputs = config.input.model_copy(update={"keep": keep, "limit": limit, **(chosen or {})})
        place = config.folder(f"{STAGES}/{name}")
        return ScoreConfig(**{**settings, **changed, "input": inputs, "output": place})
