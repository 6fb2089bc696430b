"""A running store: its processes, its folder, and the environment of its clients."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.stores.install import NotHere

# Seconds that a store may take until it listens.
START_S = 60.0


@dataclass
class Place:
    """A Place is a store's folder, commands, port and processes."""

    folder: Path
    """Folder for the store's files."""
    commands: Path
    """Folder of the store's commands."""
    port: int = field(default_factory=lambda: free_port())
    """Port on which the store listens."""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """The started processes."""

    def start(self, command: Sequence[str | Path], **environment: str) -> None:
        """Start a process that runs until the store is stopped. Its output goes to a file."""
        name = f"{len(self.processes)}-{Path(command[0]).name}.log"
        with (self.folder / name).open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    command,
                    env={**os.environ, **environment},
                    cwd=self.folder,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def wait(self, port: int | None = None) -> None:
        """Wait until the store listens.

        Raises:
            NotHere: a process ended, or the store takes too long.
        """
        port = port or self.port
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if ended := [one for one in self.processes if one.poll() is not None]:
                raise NotHere(f"it ended with exit status {ended[0].returncode}: {self._said()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.2)
        raise NotHere(f"it does not listen after {START_S:.0f} s: {self._said()}")

    def stop(self) -> None:
        """End the processes and all processes that they started."""
        for process in reversed(self.processes):
            for sign in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)

    def _said(self) -> str:
        logs = sorted(self.folder.glob("*.log"))
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
        return " / ".join(lines[-2:])[-300:]


@contextlib.contextmanager
def stopped_at_the_end(place: Place) -> Iterator[None]:
    """Stop the store in any case."""
    try:
        yield
    finally:
        place.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def s3_environment(port: int, key: str = "testing", secret: str = "testing") -> Mapping[str, str]:
    """Return the environment of S3 clients. The credentials are dummies of the store."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
