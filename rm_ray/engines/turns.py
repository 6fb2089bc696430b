"""Lets processes of one machine take turns to fetch weights, and to start engines on one GPU."""

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
    """Hold a lock that only one process of this machine can hold at a time.

    Args:
        lock: the lock's file; it is never removed. The kernel frees the lock when the process that
            holds it ends, for any reason.
        otherwise: logged if another process holds the lock and this one waits.
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
    """Keep other engines from starting on this process's GPU.

    Each engine measures the free memory at its start, and another engine that starts at the same
    time would change it.
    """
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0").replace("/", "-")
    lock = Path(tempfile.gettempdir()) / f"rm_ray-{os.getuid()}-gpu-{gpu}.lock"
    with alone(lock, f"another engine starts on GPU {gpu}"):
        yield


def tell(text: str, *values: object) -> None:
    """Log a message about slow work, as INFO if this process shows INFO, else as a warning.

    An engine's process has no log, but it prints warnings, and Ray shows them.
    """
    log.log(logging.INFO if log.isEnabledFor(logging.INFO) else logging.WARNING, text, *values)
