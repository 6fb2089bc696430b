"""Defines every error that a user can meet. A message names the fault, its place and the remedy.

RmRayError
 +-- Refused            the run was not started and nothing was written; exit status 2
 |    +-- ConfigError   a key, a value or a combination of them
 |    +-- InputError    the corpus: paths, files, columns
 |    +-- OutputError   the output folder: another run's, not writable
 |    +-- JudgeError    the model, its tokenizer, its labels, its limits
 |    +-- ClusterError  the machines: no GPU, too few CPUs, a package missing
 +-- Incomplete         the run ended with work missing; exit status 1
 +-- Alerted            the job is complete, and its result must wake somebody; exit status 3
"""

import os
import re
import shlex
import sys
from pathlib import Path

__all__ = [
    "Alerted",
    "ClusterError",
    "ConfigError",
    "Incomplete",
    "InputError",
    "JudgeError",
    "OutputError",
    "Refused",
    "RmRayError",
]


class RmRayError(Exception):
    """An error whose message is meant for the person who started the job."""

    exit_status = 1


class Refused(RmRayError):
    """The job cannot run as it is configured. Nothing was written."""

    exit_status = 2


class ConfigError(Refused):
    """A configuration key or value is wrong."""


class InputError(Refused):
    """The corpus cannot be read as configured."""


class OutputError(Refused):
    """The output folder cannot be used."""


class JudgeError(Refused):
    """The model cannot judge with these settings."""


class ClusterError(Refused):
    """The machines cannot run the job."""


class Incomplete(RmRayError):
    """The run ended, and some documents have no reward although they could have one."""


class Alerted(RmRayError):
    """A report is complete, and an alert in it fails the night."""

    exit_status = 3


def one_line(error: BaseException) -> str:
    """Return the message of an error's deepest cause, in one line of at most 600 characters.

    Ray wraps an error of another process in pages of text; their last line has the message.
    """
    message = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
        if lines:
            name = type(cause).__name__
            message = lines[-1] if lines[-1].startswith(name) else f"{name}: {lines[-1]}"
        cause = cause.__cause__
    return message[:600]


def first_line(error: Exception) -> str:
    """Return the first line of a library's error, without the details below it."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def short(error: BaseException) -> str:
    """Return an error's message in one line of at most 600 characters."""
    return " ".join(str(error).split())[:600] or type(error).__name__


def way_on(error: BaseException) -> str:
    """Say how to continue a run that a store's error has ended."""
    if isinstance(error, PermissionError):
        return "and once this is put right the same command goes on"
    return "the same command goes on"


def same_command() -> str:
    """Return the command that runs this job again.

    A submitted job is submitted again, without the options of `ray job submit`: the job does not
    know them.
    """
    script, *words = sys.argv
    module = _module(Path(script))
    job = ["-m", module] if module else [script]
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" not in os.environ:
        return shlex.join([sys.executable, *job, *words])
    options = "" if module else "--working-dir . "
    return f"ray job submit {options}-- {shlex.join(['python', *job, *words])}"


def _module(script: Path) -> str | None:
    """Return the module that a script of `rm_ray` or `python -m` runs; None for other scripts."""
    if script.stem == "rm_ray" or script.parts[-2:] == ("rm_ray", "__main__.py"):
        return "rm_ray"
    return f"rm_ray.{script.parent.name}" if script.name == "__main__.py" else None


# In these addresses a container or a user stands before the @; in others it may be a key.
_NAMED = ("abfs", "abfss", "adl", "az", "hdfs", "webhdfs", "sftp", "ssh", "ftp", "smb")
# Secrets in a URL: user and password, the signature of a presigned URL (S3, Google, Azure), and the
# tokens, keys and passwords that catalogs take in a query.
_SECRETS = re.compile(
    rf"(?i){''.join(f'(?<!{scheme}://)' for scheme in _NAMED)}(?<=://)[^/?#\s'\"]*@"
    r"|(?<=://)[^/?#\s'\"@]*:[^/?#\s'\"]*@"
    r"|(?<=[?&])(?:x-(?:amz|goog)-(?:signature|credential|security-token)"
    r"|signature|awsaccesskeyid|googleaccessid|sig|(?:access|auth|client|id|refresh)?[_-]?token"
    r"|(?:api|access|secret)[_-]?key|(?:client[_-]?)?secret|password|passwd|pwd)=[^&#\s'\"]*"
)


def redacted(text: str) -> str:
    """Return the text with `***` in place of the secrets in its URLs."""
    return _SECRETS.sub("***", text)
