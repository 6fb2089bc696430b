"""Runs a job from the words of a command line, and returns its exit status."""

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from pydantic import BaseModel

from rm_ray.command_line.arguments import parse_arguments
from rm_ray.command_line.help import Usage, help_page
from rm_ray.command_line.keys import switches
from rm_ray.command_line.load import Config, load_config
from rm_ray.command_line.pages import show, terminal_width
from rm_ray.config import NotifyConfig, OutputConfig
from rm_ray.ending import tell_at_end, tell_end
from rm_ray.errors import RmRayError, redacted, same_command, way_on

log = logging.getLogger(__name__)


def run_job(
    argv: Sequence[str],
    schema: type[Config],
    usage: Usage,
    run: Callable[[Config], None],
    dry_run: Callable[[Config], str],
) -> int:
    """Parse the words, run the job, and return its exit status.

    The status is 0 if the job is complete, 1 if it is not complete, 2 if it was refused, and 3 if
    it is complete with an alert.
    """
    began = time.monotonic()
    start_logging()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        arguments = parse_arguments(argv, switches(schema))
        if arguments.help is not None:
            show(help_page(schema, usage, arguments.help, terminal_width()))
            return 0
        config = load_config(schema, arguments)
    except RmRayError as error:
        return refused(error)
    if arguments.dry_run:
        return _status_of(lambda: _show_dry_run(dry_run, config))

    tell_at_end(lambda status: _tell(config, usage, status, began))
    return _status_of(lambda: run(config), tell_end)


def _show_dry_run(dry_run: Callable[[Config], str], config: Config) -> None:
    with contextlib.redirect_stdout(sys.stderr):  # Ray prints warnings to stdout
        page = dry_run(config)
    show(page)


def _tell(config: BaseModel, usage: Usage, status: int, began: float) -> None:
    """Tell that the job has ended, if its configuration names somebody to tell."""
    notify: NotifyConfig | None = getattr(config, "notify", None)
    output: OutputConfig | None = getattr(config, "output", None)
    if notify is None or output is None or not (notify.command or notify.webhook):
        return
    from rm_ray.command_line.notify import End, tell

    folder = output.path.rstrip("/")
    seconds = round(time.monotonic() - began, 1)
    tell(notify, End(usage.job, status, folder, f"{folder}/{usage.summary}", seconds))


def _status_of(call: Callable[[], None], end: Callable[[int], None] = lambda _: None) -> int:
    """Call a job, log its error, call `end` with the exit status, and return the status."""
    try:
        call()
        status = 0
    except RmRayError as error:
        status = refused(error)
    except OSError as error:
        message = redacted(str(error))
        log.error("stopped by the store: %s; what is committed stays, %s", message, way_on(error))
        status = 1
    except Exception as error:
        log.error("stopped by an error that rm_ray did not expect: %s", error, exc_info=True)
        status = 1
    except KeyboardInterrupt:
        log.error("stopped; what is committed stays. To go on: %s", same_command())
        end(1)
        logging.shutdown()
        os._exit(1)  # Ray's threads are still at work, and an orderly exit could abort in them
    end(status)
    return status


def refused(error: RmRayError) -> int:
    """Log why a job did not run or did not complete, and return its exit status."""
    log.error("%s", redacted(str(error)))
    return error.exit_status


def start_logging() -> None:
    """Show the job's log lines with the time of day, and only errors of talkative libraries."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    for noisy in ("ray._private.authentication", "httpx", "matplotlib", "botocore", "aiobotocore"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
