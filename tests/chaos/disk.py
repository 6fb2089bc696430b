"""A small file system that can be full, be slow, or stand still. Only root can make it."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

FAULTS = ("disk full", "disk slow", "disk still")
# The programs that make, mount and stop it.
PROGRAMS = ("mkfs.ext4", "mount", "umount", "fsfreeze")
# Bytes of the file system.
SIZE = 2 << 30
# Seconds for which the disk is full, slow, or stands still.
SECONDS = 8
# Seconds that each write waits for on a slow disk, at most, and seconds between two such waits.
SLOW_WRITE, BETWEEN = 0.5, 0.1


def is_possible() -> bool:
    """Return True if this process may make file systems."""
    return os.geteuid() == 0 and all(map(shutil.which, PROGRAMS))


class Disk:
    """A mounted image. Its folder has a short path, because sockets lie there."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="d", dir="/tmp"))
        self._image = self.folder.with_suffix(".ext4")
        self._image.touch()
        os.truncate(self._image, SIZE)  # the host's disk gives bytes when they are written
        # -m 0: nothing is kept for root
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", self._image], check=True)
        subprocess.run(["mount", "-o", "loop", self._image, self.folder], check=True)

    def hurt(self, what: str) -> None:
        """Make it full, slow, or let it stand still, for a while."""
        {"full": self._fill, "slow": self._be_slow, "still": self._stand_still}[what]()

    def _fill(self) -> None:
        """Leave no byte for a while."""
        ballast = self.folder / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                most = shutil.disk_usage(self.folder).free * 98 // 100
                os.posix_fallocate(file.fileno(), 0, most)
                file.seek(most)
                while True:  # until there is no room
                    file.write(bytes(64 << 10))
            time.sleep(SECONDS)
        finally:
            ballast.unlink()

    def _stand_still(self) -> None:
        """Let everything that writes wait for a while."""
        self._freeze(SECONDS)

    def _be_slow(self) -> None:
        """Let everything that writes wait again and again, for a while."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self._freeze(SLOW_WRITE)
            time.sleep(BETWEEN)

    def _freeze(self, seconds: float) -> None:
        subprocess.run(["fsfreeze", "--freeze", self.folder], check=True)
        try:
            time.sleep(seconds)
        finally:
            subprocess.run(["fsfreeze", "--unfreeze", self.folder], check=True)

    def close(self) -> None:
        """Unmount it when the last process has ended."""
        subprocess.run(["umount", "--lazy", self.folder], check=True)
        self._image.unlink()
        self.folder.rmdir()
