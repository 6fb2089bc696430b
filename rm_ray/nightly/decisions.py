"""The command line of a person's decisions: `--release NIGHT` and `--accept GROUP`.

They need the folder of the nights and nothing else, so that they can be typed without the job's
configuration. With `--config FILE` the folder and its store are the configuration's.
"""

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from rm_ray.config import NonEmpty, OutputConfig, Section
from rm_ray.errors import ConfigError
from rm_ray.nightly.config import NightlyConfig
from rm_ray.report.config import NightName

WORDS = ("release", "accept", "because")


class DecisionConfig(Section):
    """A decision about a night that is done."""

    output: OutputConfig
    """Folder of all nights."""
    night: NightName | None = None
    """With accept: the coming night from which the group is right, if it has not alerted yet."""
    release: NightName | None = None
    """Deliver what is held of this night."""
    accept: NonEmpty | None = None
    """Name of the group that is right as it was when it alerted last."""
    because: NonEmpty | None = Field(None)
    """The reason, for the record."""

    @model_validator(mode="after")
    def _is_one_decision(self) -> Self:
        check_one(self.release, self.accept, self.because)
        return self


def check_one(release: str | None, accept: str | None, because: str | None) -> None:
    """Check that one decision is given, with its reason.

    Raises:
        ValueError: both are given, none is, or the reason is missing.
    """
    if release and accept:
        raise ValueError("release and accept are two commands; give one of them")
    if not (release or accept):
        raise ValueError("because is the reason for release or accept; give one of them")
    if not because or not because.strip():
        raise ValueError(
            f"{'release' if release else 'accept'} is recorded with its reason: "
            '--because "the reason"'
        )


def is_decision(argv: Sequence[str]) -> bool:
    """Return True if the words of a command line ask for a decision, and not for a night."""
    return any(word.partition("=")[0] in [f"--{name}" for name in WORDS] for word in argv)


def decision_of(config: NightlyConfig) -> DecisionConfig:
    """Return the decision in a whole configuration, which was given with --config.

    Raises:
        ConfigError: it is no decision, or none that makes sense.
    """
    try:
        check_one(config.release, config.accept, config.because)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return DecisionConfig(
        output=config.output,
        night=config.night if "night" in config.model_fields_set else None,
        release=config.release,
        accept=config.accept,
        because=config.because,
    )


def refuse_stored(config: NightlyConfig) -> None:
    """Refuse a decision that stands in a YAML file: it would be taken again every night.

    Raises:
        ConfigError: the configuration has a decision.
    """
    if given := [name for name in WORDS if getattr(config, name)]:
        raise ConfigError(
            f"{given[0]} belongs on the command line, and not in a file: every night would end "
            "with it; take it out"
        )
