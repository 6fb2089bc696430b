"""Weights are fetched once per machine: one process fetches them, and the others wait for it.

The files to fetch and their sizes are known beforehand. So a folder is whole when it has all of
these files, and a process that finds the folder whole asks neither the hub nor the store.
"""

import errno
import shutil
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from rm_ray.engines.identity import CALIBRATION, SUFFIXES, without_copies
from rm_ray.engines.turns import alone
from rm_ray.errors import JudgeError, redacted, short

# Endings of the files to fetch: the weights, their configuration and the tokenizer's files.
WANTED = (*SUFFIXES, ".jinja")
# The file that peft writes beside an adapter's weights.
ADAPTER_CONFIG = "adapter_config.json"
# A fetch leaves this share of its own size free on the disk, and never less than these bytes.
SPARE_SHARE, SPARE_BYTES = 0.05, 64 << 20
_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOLCK}

# Names of files, with their sizes in bytes.
Sizes = Mapping[str, int]


class Origin(Protocol):
    """An Origin fetches weights that do not lie on the machines. It is sent to every engine."""

    def fetch(self, weights_folder: str | None, *, weights: bool = True) -> Path:
        """Return the folder of this machine that has the files, and fetch them first if needed.

        Args:
            weights_folder: the folder for fetched models; None for the default.
            weights: False if the files that describe the model are enough, without its weights.

        Raises:
            JudgeError: with the machine, the error and what to do.
        """


def wanted(names: Iterable[str], *, code: bool) -> list[str]:
    """Return the names of the files to fetch: never pickles, and code only if it is to run."""
    suffixes = (*WANTED, ".py") if code else WANTED
    chosen = (name for name in names if name.endswith(suffixes) and name != CALIBRATION)
    return without_copies(chosen)


def is_weights(name: str) -> bool:
    """Return True if a file holds a model's weights in safetensors, the only format loaded."""
    return name.endswith(".safetensors") and not is_adapter(name)


def is_adapter(name: str) -> bool:
    """Return True if a file belongs to an adapter (LoRA, for example), and not to a model."""
    return name == ADAPTER_CONFIG or name.startswith("adapter_model.")


def lacking(folder: Path, files: Sizes) -> dict[str, int]:
    """Return the files that are missing in the folder or have another size there."""
    return {name: size for name, size in files.items() if _size(folder / name) != size}


def fetch_once(
    name: str, kept: Path, folder: Path, files: Sizes, lock: Path, fetch: Callable[[], None]
) -> Path:
    """Make a model's folder whole, and return it.

    This process fetches the files, or waits while another process of the machine does.

    Args:
        name: the model's name, for messages.
        kept: the folder for fetched models on this machine, for messages.
        folder: the model's folder.
        files: the files that it must have.
        lock: a file beside the folder. The process that holds the lock fetches; if that process is
            killed, the next one fetches.
        fetch: makes the folder whole, or raises.

    Raises:
        JudgeError: the folder cannot be made whole on this machine.
    """
    if not lacking(folder, files):
        return folder
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with alone(lock, f"another process fetches {name}"):
            if lacking(folder, files):
                fetch()
    except (OSError, ValueError, ImportError) as error:
        disk_failed = getattr(error, "errno", None) in _DISK_ERRORS
        raise JudgeError(
            f"judge.model: cannot fetch {name} onto {socket.gethostname()}, into {kept}: "
            f"{redacted(short(error))}"
            f"{'; --engine.weights_folder names another folder' if disk_failed else ''}"
        ) from None
    return folder


def check_room(name: str, folder: Path, missing: int) -> None:
    """Refuse to fetch more than the disk has room for.

    Args:
        name: the model's name.
        folder: an existing folder on the disk.
        missing: bytes to fetch.

    Raises:
        JudgeError: with the free bytes, the needed bytes and what to do.
    """
    free = shutil.disk_usage(folder).free
    spare = max(SPARE_BYTES, int(SPARE_SHARE * missing))
    if free < missing + spare:
        raise JudgeError(
            f"judge.model: no room for {name} on {socket.gethostname()}: {folder} has "
            f"{gigabytes(free)} free, and {gigabytes(missing)} are needed, with {gigabytes(spare)} "
            "to spare; free some, or name a folder on a larger disk with --engine.weights_folder"
        )


def gigabytes(size: float) -> str:
    """Return a number of bytes as text in GB or MB, for example 15.2 GB."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
