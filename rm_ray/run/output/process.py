"""Identifies a process: its table of process numbers, and its start in seconds after boot.

The kernel counts a process's start from the machine's boot, and nobody sets that clock. psutil
turns the start into a time of day, which moves by up to a second if the time of day is set.
"""

from pathlib import Path

import psutil


def process_table() -> str:
    """Return a name of the process table that the process numbers here belong to.

    Containers on one machine have a table each, although they may share a host name. "" if the
    system does not tell.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def began_after_boot(process: psutil.Process) -> float:
    """Return the seconds from the machine's boot to the process's start."""
    return process.create_time() - psutil.boot_time()
