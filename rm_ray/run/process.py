"""When a process began, by a clock that nobody sets.

The kernel counts from the machine's start; psutil makes a time of day of it, which moves by up to
a second as that clock is set.
"""

import time

import psutil


def began_after_boot(process: psutil.Process) -> float:
    """Seconds from the machine's start to the process's."""
    return process.create_time() - psutil.boot_time()


def age(process: psutil.Process) -> float:
    """How long the process has existed, seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began_after_boot(process)
