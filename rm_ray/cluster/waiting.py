"""Waits for machines that a cluster does not have yet, and asks its autoscaler for them."""

import logging
import time
from collections.abc import Callable

from rm_ray.errors import ClusterError

log = logging.getLogger(__name__)

POLL_SECONDS = 5.0
# Seconds after which a waiting run logs again what it waits for.
REMIND_S = 60.0


def wait_while(
    lacking: Callable[[], str | None],
    bundles: list[dict[str, float]],
    seconds: float,
    key: str | None = None,
) -> None:
    """Wait for machines, as long as `lacking` returns a text.

    Args:
        lacking: says what is missing; None if nothing is.
        bundles: resources to ask the autoscaler for.
        seconds: the longest wait.
        key: the configuration key that sets `seconds`, if there is one.

    Raises:
        ClusterError: something is still missing after this many seconds.
    """
    if lacking() is None:
        return
    from ray.autoscaler.sdk import request_resources

    # an autoscaler starts machines only for requests, not for a process that waits
    request_resources(bundles=bundles)
    deadline = time.monotonic() + seconds
    logged, logged_at = "", 0.0
    try:
        while missing := lacking():
            now = time.monotonic()
            if now >= deadline:
                within = f"{seconds:.0f} s" + (f" ({key})" if key else "")
                raise ClusterError(
                    f"{missing}, and no machine came within {within}: `ray status` on "
                    "the cluster's head says why (quota, no spot machines, a setup that failed), "
                    "and the same command waits again"
                )
            if missing != logged or now - logged_at >= REMIND_S:
                log.info("waiting up to %.0f s more for machines: %s", deadline - now, missing)
                logged, logged_at = missing, now
            time.sleep(min(POLL_SECONDS, deadline - now))
    finally:
        request_resources(bundles=[])  # from now on Ray Data asks for its own resources
