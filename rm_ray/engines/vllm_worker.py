"""What a process does first that runs a part of a model for an engine: it ties its life to it.

An engine that raised or hung ends its process at once, without a word to the others, and the memory
of their GPUs would be taken as long as they do not notice: in a collective they wait for ever.
"""

import ctypes
import multiprocessing
import os
import signal

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class EndsWithItsEngine:
    """Mixed into vLLM's workers, which import this module before they touch a device."""


def _end_with_parent() -> None:
    """Have the kernel kill this process when the one that started it has ended, however it did."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return  # the engine's own process
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent.pid:
        os._exit(1)  # it has ended already


_end_with_parent()
