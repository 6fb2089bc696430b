"""Processes of one machine take turns: at fetching weights, and at starting engines on one GPU."""

import fcntl
import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def alone(lock: Path, otherwise: str) -> Iterator[None]:
    """While entered, no other process of this machine is in the same lock.

    Args:
        lock: a file, which stays. The lock is the kernel's: it ends with its holder, however that
            ends.
        otherwise: what is said where another one is in it, and this one waits.
    """
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("%s: %s; waiting for it", socket.gethostname(), otherwise)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def on_this_gpu() -> Iterator[None]:
    """While entered, no other engine starts on the GPU that this process was given.

    Each looks how much memory is free, and one that is starting moves that under the other's feet.
    """
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0").replace("/", "-")
    lock = Path(tempfile.gettempdir()) / f"rm_ray-{os.getuid()}-gpu-{gpu}.lock"
    with alone(lock, f"another engine starts on GPU {gpu}"):
        yield


def tell(text: str, *values: object) -> None:
    """Log what takes long: as news, or where no log is kept, as in an engine's process, as a
    warning, since warnings are printed there and Ray shows them.
    """
    log.log(logging.INFO if log.isEnabledFor(logging.INFO) else logging.WARNING, text, *values)
