"""The run's folder: its files, whether a run may be resumed there, which shards are committed.

OUTPUT/
  PARTS/part-...parquet    one file per shard, written once (in a scoring run PARTS is rewards/). A
                           filter writes a receipt per shard instead, in _rm_ray/done/, and its
                           files in other folders
  _SUCCESS                 the run is complete; holds the totals. A filter whose documents are
                           held writes _HELD instead
  _rm_ray/run.json         fingerprint, configuration, versions
  _rm_ray/plan/            segments: the files of each planning, one JSON line per file, gzipped
  _rm_ray/deleted/         rows that a table had deleted when their files were planned
  _rm_ray/staged/          pieces of shards that failed as a whole; empty at the end
  _rm_ray/lease.json       the driver that is at work
  _rm_ray/progress.json    the run's progress and cost, as its driver last wrote them
  _rm_ray/metrics.json     work of the last invocation, and the totals

Listings of some stores are out of date: they lack new files, and still show removed ones. A request
for a file by its name is always up to date. So if a listing lacks a file that the run depends on,
the run asks for the file by name.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rm_ray.config import OutputConfig
from rm_ray.corpus.plan import Planned, PlannedFile, shards_of
from rm_ray.corpus.shards import Shard, part_prefix, prefix_of
from rm_ray.errors import OutputError
from rm_ray.run.output.run_json import FORMAT, differences
from rm_ray.run.output.segments import Segments, is_ours
from rm_ray.store.at_once import at_once
from rm_ray.store.filesystem import open_filesystem
from rm_ray.store.folder import Folder, absolute

# The mark of a complete run.
SUCCESS = "_SUCCESS"
# The run's own folder of files, within the output folder.
STATE = "_rm_ray"
# The folder of the parts of a scoring run.
REWARDS = "rewards"
# The plain tokenizer of a scoring run that cuts texts, beside the run's plan.
TOKENIZER = "tokenizer.json"
# Key of metrics.json: the speed from which the next run's duration is estimated.
SPEED = "forwarded_tokens_per_second_per_engine"
# Key of metrics.json: GPUs of the engines that were measured; 0 on CPU.
MEASURED_GPUS = "gpus_per_measured_engine"
# A receipt has the name of its part, with this suffix.
RECEIPT = ".json"
# Keys of a fingerprint that say which rows of the corpus are documents begin with one of these.
CHOICE_OF_ROWS = ("input.sample_", "input.rows")
# Up to so many files are asked for by name even if the store's listings seem to be up to date.
MOST_ASKED = 1_000


class RunFolder:
    """A RunFolder is one output folder. Opening it writes nothing.

    `complete` is True if the run was complete when the folder was opened. `is_new` is True if this
    process began the run, so that no other process has written a part.
    """

    def __init__(
        self,
        output: OutputConfig,
        parts: str,
        planned: type[Planned] = PlannedFile,
        key: str = "output.path",
        mark: str = SUCCESS,
    ) -> None:
        """Open the folder.

        Args:
            output: address of the folder, and how its store is reached.
            parts: name or relative path of the folder for parts.
            planned: class of one line of the run's plan.
            key: key of the configuration that names the folder, for errors.
            mark: name of the file that marks the complete run.

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
        self._mark = mark
        self._set_root(Folder(self.uri, output.storage, side=key.partition(".")[0]))

    def _set_root(self, root: Folder) -> None:
        state = root / STATE
        if "://" not in self.uri:
            # half-written files never lie among the parts
            root = replace(root, scratch=f"{state.path}/scratch")
        self.root = root
        self.parts = root / self._parts
        self.state = root / STATE
        self.segments = Segments(self.state / "plan", self._planned, self.uri)
        self.staged = self.state / "staged"

    def open(self, fingerprint: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the stored run.json; None in a folder without a run.

        Args:
            fingerprint: the fingerprint that the stored run must have.

        Raises:
            OutputError: the folder holds something else, or a run with other settings.
        """
        run = self.stored()
        if run is None:
            return None
        differing = differences(run["fingerprint"], fingerprint)
        if differing and all(key.startswith(CHOICE_OF_ROWS) for key in differing):
            raise OutputError(
                f"output.path: {self.uri} holds a run over another choice of rows; give each "
                f"sample a folder of its own. Different: {'; '.join(differing.values())}"
            )
        if differing:
            raise OutputError(
                f"output.path: {self.uri} holds a run with other settings; give another folder, or "
                f"these settings. Different: {'; '.join(differing.values())}"
            )
        return run

    def stored(self, give: str = "an empty or a new folder") -> dict[str, Any] | None:
        """Return the stored run.json of any run; None in a folder without a run.

        Args:
            give: the right folder to give, in words, for the error if this one is wrong.

        Raises:
            OutputError: the folder holds something else, or a run of an older rm_ray.
        """
        try:
            stored = self.state.read("run.json")
            names = self.root.entries()
            foreign = self._foreign(names) if stored is None else None
            complete = stored is not None and self.root.size(self._mark) is not None
        except NotADirectoryError:
            return None  # a file is in the way: make_writable raises the error
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
        """Return the first name that no run writes. A store's empty folders do not count."""
        others = [name for name in names if name != "_rm_ray"]
        if others and "://" in self.uri:
            files = self.root.names()
            others = [name for name in others if name in files or (self.root / name).holds_files()]
        return others[0] if others else None

    def make_writable(self) -> None:
        """Check that the folder can be written, and how its store behaves.

        Raises:
            OutputError: the folder cannot be written.
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
            OutputError: another driver has just stored its own.
        """
        if not is_ours(self.state, "run.json", _pretty(run)):
            raise OutputError(f"{self.uri}: another run has just begun here; wait for it to end")
        self.is_new = True

    def forget(self, files: Iterable[Planned]) -> None:
        """Remove the parts and pieces of some files, before the files are planned again.

        Parts are also removed by name: a part that is not listed yet would be taken for rows of
        the new plan.
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
        """Remove the pieces whose shards are committed: all but the pieces of skipped files."""
        kept = {part_prefix(path) for path in skipped}
        for name in self.staged.names():
            if prefix_of(name) not in kept:
                self.staged.remove(name)

    def committed(self, shards: Iterable[Shard] = ()) -> set[str]:
        """Return the names of the committed parts, from one listing of the parts or receipts.

        Args:
            shards: shards to ask for by name if the listing lacks them. They are always asked for
                if the run is complete or the store's listings lag; otherwise only if at most
                MOST_ASKED are unlisted.
        """
        names = {name for name in self.parts.names() if name.startswith("part-")} - self._removed
        unlisted = {self._file_of(shard) for shard in shards} - names
        if self.complete or self.parts.lags or len(unlisted) <= MOST_ASKED:
            names |= files_there(self.parts, unlisted)
        return {name.removesuffix(RECEIPT) for name in names}

    def _file_of(self, shard: Shard) -> str:
        """Return the name of the file that commits a shard: its part, or its receipt."""
        return f"{shard.part}{RECEIPT if self._parts.startswith('_rm_ray/') else ''}"

    def mark_complete(self, totals: dict[str, Any]) -> None:
        """Write the mark of a complete run, `_SUCCESS`, with the totals."""
        self.root.overwrite(self._mark, _pretty(totals))

    def mark_incomplete(self) -> None:
        """Remove `_SUCCESS`, if there is one."""
        self.root.remove(self._mark)

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Store the metrics of this invocation over the last invocation's."""
        self.state.overwrite("metrics.json", _pretty(metrics))

    def metrics(self) -> dict[str, Any] | None:
        """Return the metrics of the last invocation; None if there are none that can be read."""
        try:
            stored = self.state.read("metrics.json")
            metrics: dict[str, Any] | None = json.loads(stored) if stored else None
        except (OSError, ValueError):
            return None
        return metrics


def state_of(output: OutputConfig) -> Folder:
    """Return the run's own folder of files, without opening the run."""
    return Folder(absolute(output.path), output.storage) / STATE


def files_there(folder: Folder, names: Iterable[str]) -> set[str]:
    """Return the names that exist as files. Each name is asked for; nothing is listed."""
    asked = sorted(names)
    sizes = at_once(folder.size, asked)
    return {name for name, size in zip(asked, sizes, strict=True) if size is not None}


@contextlib.contextmanager
def no_empty_folders(path: str) -> Iterator[None]:
    """Remove a local folder, and its parents, at the end of the `with` block.

    Only folders that the block created and left empty are removed.
    """
    made = [folder for folder in (Path(path), *Path(path).parents) if path and not folder.exists()]
    try:
        yield
    finally:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _pretty(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()
