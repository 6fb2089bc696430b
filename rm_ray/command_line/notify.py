"""Tells others that a job has ended: by a command, and by a POST of JSON.

Neither sends the text of an error, since an error may quote a value of the corpus. The log and the
summary have it. What cannot be told is a warning, and does not change the exit status.
"""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import httpx

from rm_ray import __version__
from rm_ray.config import NotifyConfig
from rm_ray.errors import short

log = logging.getLogger(__name__)

ENDINGS = {0: "complete", 1: "not complete", 2: "refused", 3: "complete with an alert"}
# Seconds before each try of a POST.
WAITS_S = (0.0, 2.0, 8.0)
# Seconds for one try of a POST, and for the command.
POST_S, COMMAND_S = 10.0, 60.0


@dataclass(frozen=True)
class End:
    """An End says how a job ended."""

    job: str
    """Name of the job."""
    exit_status: int
    """Exit status of the job."""
    output: str
    """Folder of the run."""
    summary: str
    """Path of the file that sums the run up. A run that was refused may not have written it."""
    seconds: float
    """Seconds from the first step of the job to its end."""
    version: str = __version__
    """Version of rm_ray."""

    @property
    def ending(self) -> str:
        """Return the meaning of the exit status."""
        return ENDINGS.get(self.exit_status, "ended by an error")

    def values(self) -> dict[str, str | int | float]:
        """Return what others are told."""
        return asdict(self) | {"ending": self.ending}


def tell(config: NotifyConfig, end: End) -> None:
    """Tell whom the configuration names that the job has ended. Faults are logged."""
    if config.webhook:
        _post(config.webhook, end)
    if config.command:
        _run(config.command, end)


def _run(command: str, end: End) -> None:
    """Run the command with the values in its environment, where no shell interprets them."""
    told = {f"RM_RAY_{name.upper()}": str(value) for name, value in end.values().items()}
    try:
        fault = _fault_of(command, {**os.environ, **told})
    except OSError as error:
        fault = short(error)
    _log(fault, "notify.command", end)


def _fault_of(command: str, env: Mapping[str, str]) -> str:
    """Run a command; return why it failed, or "" where it did not.

    Raises:
        OSError: the command cannot be started.
    """
    # a session of its own: its children are stopped with it
    with subprocess.Popen(
        command,
        shell=True,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=COMMAND_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return f"it was stopped, for it had not ended after {COMMAND_S:g} s"
    words = said.decode(errors="replace").strip()[-600:] or "it wrote nothing"
    return f"exit status {process.returncode}: {words}" if process.returncode else ""


def _post(variable: str, end: End) -> None:
    """POST the values as JSON, and try again where the other side is away or has a fault.

    Only the host of the address is logged: the rest of it may be a secret.
    """
    address = os.environ.get(variable, "")
    host = _host(address)
    if host is None:
        log.warning(
            "notify.webhook: the environment variable %s is %s; nobody was told. Set it where the "
            "driver runs (ray job submit --runtime-env-json for a submitted job)",
            variable,
            "no http:// or https:// address" if address else "not set",
        )
        return
    reason = _posted(address, end.values())
    _log(reason, f"notify.webhook: {host}", end)


def _host(address: str) -> str | None:
    """Return the host of an http:// or https:// address; None for anything else."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return parts.hostname if parts.scheme in ("http", "https") else None


def _log(fault: str, who: str, end: End) -> None:
    """Log that somebody was told, or why not."""
    if fault:
        log.warning("%s: %s; the job's exit status stays %d", who, fault, end.exit_status)
    else:
        log.info("%s: told that the job is %s", who, end.ending)


def _posted(address: str, values: Mapping[str, str | int | float]) -> str:
    """POST the values; return why that failed, or "" where they were taken."""
    reason = ""
    for wait in WAITS_S:
        time.sleep(wait)
        try:
            answer = httpx.post(address, json=dict(values), timeout=POST_S)
        except httpx.InvalidURL:
            return "its address is not valid"
        except httpx.HTTPError as error:
            reason = type(error).__name__
            continue
        if answer.is_success:
            return ""
        reason = f"it answered {answer.status_code}"
        if answer.status_code < 500 and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            break
    return reason
