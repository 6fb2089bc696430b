"""A model of the hub, and how exactly its resolved commit comes onto a machine.

It lies where huggingface_hub puts it: in its own cache, or in a folder laid out like one.
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

# Of the answers that blame a request: those that it may not get a little later.
_PASSING_STATUS = {408, 425, 429}
# A download that nobody has written to for so long, in seconds, has no process any more.
ABANDONED_S = 600.0


@dataclass(frozen=True)
class HubFolder:
    """A model's files at a commit. `sizes`: None where the driver could not ask the hub."""

    name: str
    commit: str
    sizes: Sizes | None
    code: bool

    def fetch(self, weights_folder: str | None, *, weights: bool = True) -> Path:
        """The commit's folder in this machine's cache, whole.

        Raises:
            JudgeError: no room, or the hub does not give them.
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
            raise OSError(f"{next(iter(left))} did not come, or not as the hub had listed it")
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
    """The files of a model that engines need, and the names of all that lie beside them.

    Raises:
        Exception: of huggingface_hub, which cannot ask.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    entries = HfApi().list_repo_tree(name, revision=revision)
    sizes = {one.path: one.size for one in entries if isinstance(one, RepoFile)}
    return {file: sizes[file] for file in wanted(sizes, code=code)}, list(sizes)


def in_cache(name: str, commit: str) -> list[str]:
    """The names of a model's files that this machine has in the hub's own cache."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    its = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model")
    folder = its / "snapshots" / commit
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def _seems_whole(folder: Path, *, weights: bool) -> bool:
    """Whether a folder has what it names itself, where nobody says what belongs in it."""
    if not weights:
        return (folder / "config.json").is_file()
    there = {path.name for path in folder.glob("*.safetensors")}
    index = folder / "model.safetensors.index.json"
    named = json.loads(index.read_text())["weight_map"].values() if index.is_file() else ()
    return bool(there) and there >= set(named)


def _remove_abandoned(blobs: Path) -> None:
    """What a killed process leaves takes room, and the hub's client begins every file anew."""
    for half in blobs.glob("*.incomplete"):
        with contextlib.suppress(FileNotFoundError):  # another's, and done by now
            if time.time() - half.stat().st_mtime > ABANDONED_S:
                half.unlink()


def go_offline() -> None:
    """From here on neither this process nor one that it starts asks the hub."""
    from huggingface_hub import constants

    os.environ["HF_HUB_OFFLINE"] = "1"
    # which is read when it is imported; vLLM and transformers look here each time
    constants.HF_HUB_OFFLINE = True


def _as_of_a_store(error: Exception) -> Exception:
    """An error of the hub's client, such that `patiently` knows whether to try again."""
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    for one in (error, error.__cause__):
        status = getattr(getattr(one, "response", None), "status_code", 0)
        if isinstance(one, OfflineModeIsEnabled):
            return FileNotFoundError(short(one))
        if status and one is not None:
            final = 400 <= status < 500 and status not in _PASSING_STATUS
            hint = "; a gated or private model needs HF_TOKEN on every machine"
            said = short(one) + (hint if status in (401, 403, 404) else "")
            return PermissionError(said) if final else ConnectionError(said)
    if isinstance(error, RuntimeError):  # whatever fails in hf_xet, which fetches large files
        number = re.search(r"\(os error (\d+)\)", str(error))
        return OSError(int(number[1]), short(error)) if number else ConnectionError(short(error))
    # a connection that broke: the client says then what it does not have
    return ConnectionError(short(error)) if isinstance(error, LocalEntryNotFoundError) else error
