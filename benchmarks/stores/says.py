"""The messages of rm_ray about a store."""

import logging

from rm_ray.config import OutputConfig, StorageConfig
from rm_ray.errors import OutputError
from rm_ray.run.output.folder import RunFolder
from rm_ray.store.folder import Folder


class Lines(logging.Handler):
    """A handler that keeps the logged lines."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def says(uri: str) -> str:
    """Return the log of a run's first steps about the store, and the results of the probe."""
    log, handler = logging.getLogger("rm_ray"), Lines()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        RunFolder(OutputConfig(path=uri), "rewards").make_writable()
        probed = Folder(uri, StorageConfig()).probe()
    except (OutputError, OSError) as error:
        return f"refused: {error}"
    finally:
        log.removeHandler(handler)
    lags = ["listings lack what has just been written"] if probed.lags else []
    return "; ".join([probed.create_only.value, *lags, *dict.fromkeys(handler.lines)])


def takes_as_empty(uri: str) -> str:
    """Return how a run treats a folder that holds only its own zero-byte key: a new run, or
    refused.
    """
    try:
        stored = RunFolder(OutputConfig(path=uri), "rewards").stored()
    except OutputError as error:
        said = str(error).partition(";")[0].removeprefix("output.path: ")
        return f"refused: {said.replace(uri, 'the folder')}"
    return "a new run" if stored is None else "a stored run"
