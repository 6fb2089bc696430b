"""Weights come onto a machine once: one of its processes fetches them, the others wait for it.

What is fetched is known beforehand, file by file, so a folder is whole when all of that is in it,
and whoever finds it whole asks nobody.
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

# Beside the weights, what a tokenizer is made of.
WANTED = (*SUFFIXES, ".jinja")
# What peft writes beside an adapter's weights.
ADAPTER_CONFIG = "adapter_config.json"
# Room that a fetch leaves on a disk: a share of its own size, and never less than so many bytes.
SPARE_SHARE, SPARE_BYTES = 0.05, 64 << 20
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOLCK}

# Names of files, with their sizes.
Sizes = Mapping[str, int]


class Origin(Protocol):
    """Where weights come from, if they do not lie on the machines; sent to every engine."""

    def fetch(self, weights_folder: str | None, *, weights: bool = True) -> Path:
        """The folder of this machine that has them, fetched if nobody did before.

        Args:
            weights: without, what describes the model is enough.

        Raises:
            JudgeError: naming the machine, what went wrong, and what to do.
        """


def wanted(names: Iterable[str], *, code: bool) -> list[str]:
    """Those of a folder's files that are fetched; pickles never, code where it is to run."""
    suffixes = (*WANTED, ".py") if code else WANTED
    chosen = (name for name in names if name.endswith(suffixes) and name != CALIBRATION)
    return without_copies(chosen)


def is_weights(name: str) -> bool:
    """Whether a file holds a model's weights, in the one format that is loaded."""
    return name.endswith(".safetensors") and not is_adapter(name)


def is_adapter(name: str) -> bool:
    """Whether a file belongs to an adapter, such as LoRA's, and not to a model."""
    return name == ADAPTER_CONFIG or name.startswith("adapter_model.")


def lacking(folder: Path, files: Sizes) -> dict[str, int]:
    """Those of the files that the folder does not have whole."""
    return {name: size for name, size in files.items() if _size(folder / name) != size}


def fetch_once(
    name: str, kept: Path, folder: Path, files: Sizes, lock: Path, fetch: Callable[[], None]
) -> Path:
    """The folder, once it is whole: fetched by this process, or by another that it waits for.

    Args:
        name: of the model, and `kept`, where this machine keeps such, for what is said of them.
        lock: a file beside the folder; its holder fetches, and where it is killed the next does.
        fetch: makes the folder whole, or raises.

    Raises:
        JudgeError: it cannot be made whole here.
    """
    if not lacking(folder, files):
        return folder
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with alone(lock, f"another process fetches {name}"):
            if lacking(folder, files):
                fetch()
    except (OSError, ValueError, ImportError) as error:
        ours = getattr(error, "errno", None) in _OF_THE_DISK
        raise JudgeError(
            f"judge.model: cannot fetch {name} onto {socket.gethostname()}, into {kept}: "
            f"{redacted(short(error))}"
            f"{'; --engine.weights_folder names another folder' if ours else ''}"
        ) from None
    return folder


def check_room(name: str, folder: Path, missing: int) -> None:
    """Refuse to begin what the disk has no room for.

    Args:
        folder: an existing one on that disk.
        missing: bytes that are to be fetched.

    Raises:
        JudgeError: with what is free, what is needed, and what to do.
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
    """A size in words, such as 15.2 GB."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
