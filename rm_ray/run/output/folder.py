"""The run's folder: what is in it, what may be resumed, what counts as done.

OUTPUT/
  PARTS/part-...parquet    one file a shard, written once (of a scoring run: rewards/); of a filter
                           its receipt, in _rm_ray/done/, and its files in folders of their own
  _SUCCESS                 complete, with the totals
  _rm_ray/run.json         fingerprint, configuration, versions
  _rm_ray/plan/            segments: the files of each planning, one JSON line each, gzipped
  _rm_ray/staged/          pieces of shards that failed as a whole; empty at the end
  _rm_ray/lease.json       which driver is at work
  _rm_ray/progress.json    how the run stands, as its driver last said; what it has cost so far
  _rm_ray/metrics.json     what the last invocation did, and the totals

A listing of some stores is a while old: it lacks what has just been written, and still has what has
just been removed. A file that is asked for by name is there at once. So what a run cannot do
without is asked for by name where the listing lacks it.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from rm_ray.config import OutputConfig
from rm_ray.corpus.plan import Planned, PlannedFile, shards_of
from rm_ray.corpus.shards import Shard, part_prefix, prefix_of
from rm_ray.errors import OutputError
from rm_ray.run.output.run_json import FORMAT, differences
from rm_ray.run.output.segments import Segments, is_ours
from rm_ray.store.filesystem import open_filesystem
from rm_ray.store.folder import Folder, absolute

# The folder of the parts of a scoring run.
REWARDS = "rewards"
# The plain tokenizer of a scoring run that cuts texts, beside its plan.
TOKENIZER = "tokenizer.json"
# The key of metrics.json that the next run is reckoned from.
SPEED = "forwarded_tokens_per_second_per_engine"
# What a part's name is followed by in that of its receipt.
RECEIPT = ".json"
# So many files are asked for by name, although the store's listings seem to be of this moment.
MOST_ASKED = 1_000
# Files asked for at once.
_THREADS = 16


class RunFolder:
    """One output folder. Opening it writes nothing.

    `complete`: whether it was when it was opened. `is_new`: whether its run began here, so that no
    other process has written a part.
    """

    def __init__(
        self,
        output: OutputConfig,
        parts: str,
        planned: type[Planned] = PlannedFile,
        key: str = "output.path",
    ) -> None:
        """Look at the folder.

        Args:
            parts: the name of the one for parts, or the path.
            planned: a line of its plan.
            key: of the configuration, that names the folder.

        Raises:
            OutputError: the store cannot be reached.
        """
        self.uri = absolute(output.path)
        self.complete = False
        self.is_new = False
        self._removed: set[str] = set()
        self._key = key
        try:
            open_filesystem(self.uri, output.storage)
        except (ImportError, ValueError, PermissionError) as error:
            raise OutputError(f"{key}: cannot open {output.path}: {error}") from None
        self._parts = parts
        self._planned = planned
        self._set_root(Folder(self.uri, output.storage, side=key.partition(".")[0]))

    def _set_root(self, root: Folder) -> None:
        state = root / "_rm_ray"
        if "://" not in self.uri:
            # half-written files never lie among the parts
            root = replace(root, scratch=f"{state.path}/scratch")
        self.root = root
        self.parts = root / self._parts
        self.state = root / "_rm_ray"
        self.segments = Segments(self.state / "plan", self._planned, self.uri)
        self.staged = self.state / "staged"

    def open(self, fingerprint: Mapping[str, Any]) -> dict[str, Any] | None:
        """The stored run.json; None in a folder where nothing has run yet.

        Raises:
            OutputError: the folder holds something else, or a run with other settings.
        """
        run = self.stored()
        if run is None:
            return None
        differing = differences(run["fingerprint"], fingerprint)
        if differing and all(key.startswith("input.sample_") for key in differing):
            raise OutputError(
                f"output.path: {self.uri} holds the run of another choice of rows, and a sample is "
                f"a run of its own; give it a folder of its own ({'; '.join(differing.values())})"
            )
        if differing:
            raise OutputError(
                f"output.path: {self.uri} holds a run with other settings; give another folder, or "
                f"these settings. Different: {'; '.join(differing.values())}"
            )
        return run

    def stored(self, give: str = "an empty or a new folder") -> dict[str, Any] | None:
        """The stored run.json, whatever run it is of; None in a folder where nothing has run yet.

        Args:
            give: what to give where the folder holds something else.

        Raises:
            OutputError: the folder holds something else, or a run of an older rm_ray.
        """
        try:
            stored = self.state.read("run.json")
            names = self.root.entries()
            foreign = self._foreign(names) if stored is None else None
            complete = stored is not None and self.root.size("_SUCCESS") is not None
        except NotADirectoryError:
            return None  # a file is in the way: make_writable says so
        except OSError as error:
            raise OutputError(f"{self._key}: cannot read {self.uri}: {error}") from None
        if stored is None:
            if foreign:
                raise OutputError(
                    f"{self._key}: {self.uri} is not empty and not a run of rm_ray (it holds "
                    f"{foreign}); give {give}"
                )
            return None
        try:
            run: dict[str, Any] = json.loads(stored)
        except ValueError:
            raise OutputError(f"{self.uri}/_rm_ray/run.json is damaged; restore it") from None
        if run.get("format") != FORMAT:
            raise OutputError(
                f"{self._key}: {self.uri} holds a run of an older rm_ray (format "
                f"{run.get('format')}, this one writes {FORMAT}); finish it with the version that "
                "began it, or give a new folder"
            )
        self.complete = complete
        return run

    def _foreign(self, names: Iterable[str]) -> str | None:
        """The first of the names that is not a run's; a store's empty folders do not count."""
        others = [name for name in names if name != "_rm_ray"]
        if others and "://" in self.uri:
            files = self.root.names()
            others = [name for name in others if name in files or (self.root / name).holds_files()]
        return others[0] if others else None

    def make_writable(self) -> None:
        """Prove that the folder can be written, and learn how.

        Raises:
            OutputError: it cannot.
        """
        try:
            probed = self.state.probe()
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(f"output.path: cannot write to {self.uri}: {reason}") from None
        self._set_root(replace(self.root, create_only=probed.create_only, lags=probed.lags))

    def create(self, run: dict[str, Any]) -> None:
        """Store run.json of a new run.

        Raises:
            OutputError: another driver has just done so.
        """
        if not is_ours(self.state, "run.json", _pretty(run)):
            raise OutputError(f"{self.uri}: another run has just begun here; wait for it to end")
        self.is_new = True

    def forget(self, files: Iterable[Planned]) -> None:
        """Remove all that was written of the files' shards, before they are planned anew.

        Parts go by name too: one that is not listed yet would stand for the rows of the new plan.
        """
        files = list(files)
        prefixes = {part_prefix(file.path) for file in files}
        for name in self.staged.names():
            if prefix_of(name) in prefixes:
                self.staged.remove(name)
        parts = {self._file_of(shard) for shard in shards_of(files)}
        parts |= {name for name in self.parts.names() if prefix_of(name) in prefixes}
        for name in parts:
            self.parts.remove(name)
        self._removed |= parts

    def discard_staged(self, skipped: Iterable[str]) -> None:
        """Remove what is left of pieces whose shards are committed: all but the skipped files'."""
        kept = {part_prefix(path) for path in skipped}
        for name in self.staged.names():
            if prefix_of(name) not in kept:
                self.staged.remove(name)

    def committed(self, shards: Iterable[Shard] = ()) -> set[str]:
        """Names of the parts that are there, or of those with a receipt, from one listing.

        Args:
            shards: each of these that the listing lacks is asked for by name, if the run is
                complete or listings lag; elsewhere only if they are few.
        """
        names = {name for name in self.parts.names() if name.startswith("part-")} - self._removed
        unlisted = {self._file_of(shard) for shard in shards} - names
        if self.complete or self.parts.lags or len(unlisted) <= MOST_ASKED:
            names |= files_there(self.parts, unlisted)
        return {name.removesuffix(RECEIPT) for name in names}

    def _file_of(self, shard: Shard) -> str:
        """The file that says that a shard is committed. Receipts lie among the run's own files."""
        return f"{shard.part}{RECEIPT if self._parts.startswith('_rm_ray/') else ''}"

    def mark_complete(self, totals: dict[str, Any]) -> None:
        """Put up `_SUCCESS`, with the totals."""
        self.root.overwrite("_SUCCESS", _pretty(totals))

    def mark_incomplete(self) -> None:
        """Take `_SUCCESS` down, if it is up."""
        self.root.remove("_SUCCESS")

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Store the metrics of this invocation over those of the last."""
        self.state.overwrite("metrics.json", _pretty(metrics))

    def metrics(self) -> dict[str, Any] | None:
        """The metrics of the last invocation; None where there are none to read."""
        try:
            stored = self.state.read("metrics.json")
            found: dict[str, Any] | None = json.loads(stored) if stored else None
        except (OSError, ValueError):
            return None
        return found


def files_there(folder: Folder, names: Iterable[str]) -> set[str]:
    """The names of which there is a file. Each is asked for, and nothing is listed."""
    asked = sorted(names)
    with ThreadPoolExecutor(_THREADS) as pool:
        sizes = list(pool.map(folder.size, asked))
    return {name for name, size in zip(asked, sizes, strict=True) if size is not None}


@contextlib.contextmanager
def no_empty_folders(path: str) -> Iterator[None]:
    """Local folders down to this one that were made meanwhile, and are empty, go again."""
    made = [folder for folder in (Path(path), *Path(path).parents) if path and not folder.exists()]
    try:
        yield
    finally:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _pretty(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()
