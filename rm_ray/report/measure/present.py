"""The corpus of a run as it lies now: it may have moved since it was scored."""

import posixpath
from collections.abc import Sequence
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
        """Return the file at its present path, in any version if it has moved.

        Raises:
            ConfigError: the file lay elsewhere than the corpus.
        """
        if self.paths is None:
            return file
        before, now = self.paths
        if not file.path.startswith(before):
            raise ConfigError(
                f"corpus.path: {file.path} was scored, and does not lie below {before}, so it is "
                f"not known where it lies below {now}; leave corpus.path out, or give "
                "--corpus.excerpts false"
            )
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
        _moved(inputs["path"], config.corpus.path, run.files)
    )


def _moved(before: Any, now: str | None, files: Sequence[PlannedFile]) -> tuple[str, str] | None:
    """Return the beginnings of the corpus paths when they were scored, and now."""
    if now is None:
        return None
    if len(as_list(before)) > 1:
        raise ConfigError(
            "corpus.path: the scoring run was given several paths, and one path cannot replace "
            "them; leave corpus.path out, or give --corpus.excerpts false"
        )
    first = _scored_at(literal_part(as_list(before)[0]), files)
    return first, absolute(literal_part(now))


def _scored_at(path: str, files: Sequence[PlannedFile]) -> str:
    """Return the absolute path that the corpus had on the machine that scored it.

    A relative path says nothing of it, but the files below that path do.
    """
    if "://" in path or path.startswith("/") or not files:
        return absolute(path)
    place = "/" + posixpath.normpath(path).removeprefix("./")
    above, found, _ = files[0].path.rpartition(f"{place}/")
    if found:
        return above + place
    return files[0].path if files[0].path.endswith(place) else absolute(path)
