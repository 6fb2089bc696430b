"""Brings a model of the hub onto a machine, at exactly the commit that the driver resolved.

The files lie in huggingface_hub's own cache, or in a folder laid out like that cache.
"""

import contextlib
import glob
import json
import os
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from rm_ray.config import StorageConfig
from rm_ray.engines.fetch import (
    Sizes,
    check_room,
    fetch_once,
    gigabytes,
    is_weights,
    lacking,
    wanted,
)
from rm_ray.engines.turns import tell
from rm_ray.errors import JudgeError, short
from rm_ray.store.access import Request
from rm_ray.store.retry import patiently

# Statuses from 400 to 499 after which the same request may succeed a little later.
_PASSING_STATUS = {408, 425, 429}
# Seconds without a write after which an unfinished download counts as left by a dead process.
ABANDONED_S = 600.0


@dataclass(frozen=True)
class HubFolder:
    """A HubFolder names a model's files on the hub at one commit, and fetches them."""

    name: str
    """The model's name on the hub, OWNER/MODEL."""
    commit: str
    """The commit, 40 hexadecimal digits."""
    sizes: Sizes | None
    """The files to fetch, with their sizes; None if the driver could not ask the hub."""
    code: bool
    """True if the model's own code is fetched too."""

    def fetch(self, weights_folder: str | None, *, weights: bool = True) -> Path:
        """Fetch the missing files, and return the commit's folder in this machine's cache.

        Args:
            weights_folder: a folder laid out like the hub's cache; None for the hub's own cache.
            weights: False if the files that describe the model are enough, without its weights.

        Raises:
            JudgeError: the disk has no room, or the hub does not send the files.
        """
        from huggingface_hub import constants
        from huggingface_hub.file_download import repo_folder_name

        kept = Path(weights_folder or constants.HF_HUB_CACHE).expanduser()
        its: str = repo_folder_name(repo_id=self.name, repo_type="model")
        folder, lock = (
            kept / its / "snapshots" / self.commit,
            kept / ".locks" / f"{its}.rm_ray.lock",
        )
        sizes = self.sizes
        if sizes is None:
            if _seems_whole(folder, weights=weights):
                return folder
            sizes = self._ask_sizes()
        sizes = {name: size for name, size in sizes.items() if weights or not is_weights(name)}
        return fetch_once(
            self.name,
            kept,
            folder=folder,
            files=sizes,
            lock=lock,
            fetch=lambda: self._fetch(kept, folder, sizes),
        )

    def _fetch(self, kept: Path, folder: Path, sizes: Sizes) -> None:
        from huggingface_hub import snapshot_download
        from huggingface_hub.utils import disable_progress_bars

        missing = sum(lacking(folder, sizes).values())
        _remove_abandoned(folder.parents[1] / "blobs")
        check_room(self.name, kept, missing)
        machine, began = socket.gethostname(), time.monotonic()
        tell("%s: fetching %s of %s into %s", machine, gigabytes(missing), self.name, kept)
        disable_progress_bars()

        def download() -> None:
            try:
                snapshot_download(
                    self.name,
                    revision=self.commit,
                    cache_dir=kept,
                    allow_patterns=[glob.escape(name) for name in sizes],
                )
            except Exception as error:
                raise _as_of_a_store(error) from error

        request = Request("reading", f"hf://{self.name}", StorageConfig(), "judge")
        patiently(download, request)
        if left := lacking(folder, sizes):
            raise OSError(f"{next(iter(left))} is missing, or has not the size that the hub listed")
        tell("%s: fetched %s in %.0f s", machine, self.name, time.monotonic() - began)

    def _ask_sizes(self) -> Sizes:
        try:
            sizes, _ = list_hub(self.name, self.commit, code=self.code)
        except Exception as error:  # noqa: BLE001 - whatever the hub's client raises
            raise JudgeError(
                f"judge.model: {socket.gethostname()} does not have {self.name}, and the hub does "
                f"not say what is in it: {short(error)}"
            ) from None
        return sizes


def list_hub(name: str, revision: str | None, *, code: bool) -> tuple[Sizes, list[str]]:
    """Return the files of a model that engines need with their sizes, and the names of all files.

    Raises:
        Exception: any of huggingface_hub, if it cannot ask the hub.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    entries = HfApi().list_repo_tree(name, revision=revision)
    sizes = {entry.path: entry.size for entry in entries if isinstance(entry, RepoFile)}
    return {file: sizes[file] for file in wanted(sizes, code=code)}, list(sizes)


def in_cache(name: str, commit: str) -> list[str]:
    """Return the names of a model's files that this machine has in the hub's own cache."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    its = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model")
    folder = its / "snapshots" / commit
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def _seems_whole(folder: Path, *, weights: bool) -> bool:
    """Return True if a folder has all the files that its own index names.

    This is the best check when the hub cannot be asked for the list of files.
    """
    if not weights:
        return (folder / "config.json").is_file()
    present = {path.name for path in folder.glob("*.safetensors")}
    index = folder / "model.safetensors.index.json"
    named = json.loads(index.read_text())["weight_map"].values() if index.is_file() else ()
    return bool(present) and present >= set(named)


def _remove_abandoned(blobs: Path) -> None:
    """Remove unfinished files of killed processes.

    They take room, and the hub's client never continues them: it begins every file anew.
    """
    for half in blobs.glob("*.incomplete"):
        # the file may be another process's, which has just finished it
        with contextlib.suppress(FileNotFoundError):
            if time.time() - half.stat().st_mtime > ABANDONED_S:
                half.unlink()


def go_offline() -> None:
    """Stop this process, and every process that it starts, from asking the hub."""
    from huggingface_hub import constants

    os.environ["HF_HUB_OFFLINE"] = "1"
    # huggingface_hub read the variable at import; vLLM and transformers read this constant
    constants.HF_HUB_OFFLINE = True


def _as_of_a_store(error: Exception) -> Exception:
    """Turn an error of the hub's client into one that tells `patiently` if it should retry."""
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    for cause in (error, error.__cause__):
        status = getattr(getattr(cause, "response", None), "status_code", 0)
        if isinstance(cause, OfflineModeIsEnabled):
            return FileNotFoundError(short(cause))
        if status and cause is not None:
            final = 400 <= status < 500 and status not in _PASSING_STATUS
            hint = "; a gated or private model needs HF_TOKEN on every machine"
            message = short(cause) + (hint if status in (401, 403, 404) else "")
            return PermissionError(message) if final else ConnectionError(message)
    if isinstance(error, RuntimeError):  # hf_xet, which fetches large files, raises these
        number = re.search(r"\(os error (\d+)\)", str(error))
        return OSError(int(number[1]), short(error)) if number else ConnectionError(short(error))
    # the connection broke: the client then reports the file that it does not have
    return ConnectionError(short(error)) if isinstance(error, LocalEntryNotFoundError) else error
