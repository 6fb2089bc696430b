"""The corpus of a run as it lies now: it may have moved since it was scored."""

from dataclasses import dataclass, replace
from typing import Any

from rm_ray.config import CorpusConfig, StorageConfig, as_list
from rm_ray.corpus.listing import literal_part
from rm_ray.corpus.plan import PlannedFile
from rm_ray.errors import ConfigError
from rm_ray.report.config import ReportConfig
from rm_ray.scored.run import ScoredRun
from rm_ray.store.folder import absolute


@dataclass(frozen=True)
class Moved:
    """A Moved finds the files of a corpus at their present paths."""

    paths: tuple[str, str] | None
    """Beginnings of the corpus paths when they were scored, and now; None if it has not moved."""

    def __call__(self, file: PlannedFile) -> PlannedFile:
        """Return the file at its present path, in any version if it has moved."""
        if self.paths is None:
            return file
        before, now = self.paths
        path = now + file.path.removeprefix(before)
        units = tuple(replace(unit, file=path, version=None) for unit in file.units)
        return replace(file, path=path, units=units)


def present_corpus(run: ScoredRun, config: ReportConfig) -> tuple[CorpusConfig, Moved]:
    """Return how the corpus of a run is read now, and where its files lie.

    Raises:
        ConfigError: one path is given for a corpus of several, or for a table.
    """
    inputs = run.stored["config"]["input"]
    if run.is_of_table and config.corpus.path is not None:
        raise ConfigError(
            f"corpus.path: {run.uri} has scored a table, whose files are read where the run's plan "
            "has them; leave corpus.path out, or give --corpus.excerpts false"
        )
    storage = config.corpus.storage
    if storage == StorageConfig():
        storage = StorageConfig.model_validate(inputs["storage"])
    path = config.corpus.path or inputs["path"]
    return CorpusConfig(path=path, storage=storage), Moved(
        _moved(inputs["path"], config.corpus.path)
    )


def _moved(before: Any, now: str | None) -> tuple[str, str] | None:
    """Return the beginnings of the corpus paths when they were scored, and now."""
    if now is None:
        return None
    if len(as_list(before)) > 1:
        raise ConfigError(
            "corpus.path: the scoring run was given several paths, and one path cannot replace "
            "them; leave corpus.path out, or give --corpus.excerpts false"
        )
    first = literal_part(as_list(before)[0])
    return absolute(first), absolute(literal_part(now))
