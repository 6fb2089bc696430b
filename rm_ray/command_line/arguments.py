"""Splits the words of a command line into options, flags and the name of a file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rm_ray.errors import ConfigError


@dataclass(frozen=True)
class Arguments:
    """Arguments holds the options of a command line, not yet checked."""

    config_file: str | None
    """The file of --config; None without it."""
    overrides: dict[str, str]
    """The texts of all other options, by dotted key."""
    dry_run: bool
    """True if --dry-run was given."""
    help: str | None
    """The name that --help was given, "" for the job's help; None without --help."""


def parse_arguments(argv: Sequence[str], switches: Collection[str] = ()) -> Arguments:
    """Split `--key value` and `--key=value`. `--dry-run` takes no value, and `--help` may take one.

    Args:
        argv: the words of the command line after the job.
        switches: keys that are true or false; without a value the key is true.

    Raises:
        ConfigError: a word is no option, an option lacks its value, or an option is given twice.
    """
    values: dict[str, str] = {}
    dry_run, help_on = False, None
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--dry-run":
            dry_run = True
            continue
        if word in ("-h", "--help"):
            help_on = words.pop(0) if words and not words[0].startswith("-") else ""
            continue
        if not word.startswith("--") or word == "--":
            raise ConfigError(f"'{word}' is not an option; options look like --input.path VALUE")
        key, equals, value = word[2:].partition("=")
        if not equals and key in switches and (not words or words[0].startswith("--")):
            value = "true"
        elif not equals:
            if not words:
                raise ConfigError(f"--{key} needs a value")
            if words[0].startswith("--"):
                raise ConfigError(
                    f"--{key} needs a value, and {words[0]} follows; a value that begins with -- "
                    f"is written --{key}=VALUE"
                )
            value = words.pop(0)
        if key in values:
            raise ConfigError(f"--{key} is given twice")
        values[key] = value
    help_on = values.pop("help", help_on)
    return Arguments(values.pop("config", None), values, dry_run, help_on)
