"""Splits the words of a command line into options, flags and the name of a file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rm_ray.errors import ConfigError


@dataclass(frozen=True)
class Arguments:
    """The words of a command line are here as options, not yet checked.

    `help` is None where no help is asked for, and empty where it is the job's.
    """

    config_file: str | None
    overrides: dict[str, str]
    dry_run: bool
    help: str | None


def parse_arguments(argv: Sequence[str], switches: Collection[str] = ()) -> Arguments:
    """Split `--key value` and `--key=value`; `--dry-run` takes no value, `--help` perhaps one.

    `switches`: keys that are true or false; alone, they mean true.

    Raises:
        ConfigError: a word that is no option, or an option without its value.
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
            value = words.pop(0)
        if key in values:
            raise ConfigError(f"--{key} is given twice")
        values[key] = value
    help_on = values.pop("help", help_on)
    return Arguments(values.pop("config", None), values, dry_run, help_on)
