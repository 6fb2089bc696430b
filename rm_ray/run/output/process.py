"""Which process a number is of: where, and when it began, by a clock that nobody sets.

The kernel counts from the machine's start; psutil makes a time of day of it, which moves by up to
a second as that clock is set.
"""

from pathlib import Path

import psutil


def process_table() -> str:
    """Which processes are known here by their numbers: containers on one machine have some each,
    and may have one host's name. "" where the system does not say.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def began_after_boot(process: psutil.Process) -> float:
    """Seconds from the machine's start to the process's."""
    return process.create_time() - psutil.boot_time()
