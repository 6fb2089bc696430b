"""Defines the result of a batch whose process ended: a damaged file can end its reading process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rm_ray.errors import Incomplete, InputError, same_command


@dataclass(frozen=True)
class Ended:
    """An Ended is the result of a batch whose process ended twice or more."""

    reason: str
    """The error of the last try."""
    lost: bool = False
    """True if the machine is at fault, not the batch: it was lost, or had no memory left."""


def refuse_ended(batches: Sequence[Sequence[Any]], results: Sequence[Any]) -> None:
    """Refuse an input that ends its reading processes.

    Raises:
        InputError: with the first and the last item of the batch.
        Incomplete: a machine is at fault.
    """
    for batch, result in zip(batches, results, strict=True):
        if isinstance(result, Ended):
            refuse_lost(result)
            raise InputError(
                f"each process that reads {batch[0]} to {batch[-1]} ends: {result.reason}"
            )


def refuse_lost(ended: Ended) -> None:
    """Raise Incomplete if the machine is at fault."""
    if ended.lost:
        raise Incomplete(f"Ray has lost tasks that the run needs: {ended.reason}; {same_command()}")
