"""Runs a job from the words of a command line, and returns its exit status."""

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence

from rm_ray.command_line.arguments import parse_arguments
from rm_ray.command_line.help import Usage, help_page
from rm_ray.command_line.keys import switches
from rm_ray.command_line.load import Config, load_config
from rm_ray.command_line.pages import show, terminal_width
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
    start_logging()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        arguments = parse_arguments(argv, switches(schema))
        if arguments.help is not None:
            show(help_page(schema, usage, arguments.help, terminal_width()))
            return 0
        config = load_config(schema, arguments)
        if arguments.dry_run:
            with contextlib.redirect_stdout(sys.stderr):  # Ray prints warnings to stdout
                page = dry_run(config)
            show(page)
        else:
            run(config)
    except RmRayError as error:
        return refused(error)
    except OSError as error:
        message = redacted(str(error))
        log.error("stopped by the store: %s; what is committed stays, %s", message, way_on(error))
        return 1
    except Exception as error:
        log.error("stopped by an error that rm_ray did not expect: %s", error, exc_info=True)
        return 1
    except KeyboardInterrupt:
        log.error("stopped; what is committed stays. To go on: %s", same_command())
        logging.shutdown()
        os._exit(1)  # Ray's threads are still at work, and an orderly exit could abort in them
    return 0


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
