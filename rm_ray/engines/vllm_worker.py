"""Ties a process that runs a part of a split model to the life of its engine's process.

An engine that raised or hung ends its process at once, and tells its workers nothing. A worker in a
collective would then wait for ever, and keep the memory of its GPU.
"""

import ctypes
import multiprocessing
import os
import signal

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class EndsWithItsEngine:
    """EndsWithItsEngine is mixed into vLLM's workers.

    So they import this module before they touch a device.
    """


def _end_with_parent() -> None:
    """Have the kernel kill this process when its parent process has ended, for any reason."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return  # the engine's own process
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent.pid:
        os._exit(1)  # the parent has ended already


_end_with_parent()
