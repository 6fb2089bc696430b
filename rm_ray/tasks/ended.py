"""The result of a batch whose process ends: damaged files end the process that reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rm_ray.errors import Incomplete, InputError, same_command


@dataclass(frozen=True)
class Ended:
    """The result of a batch whose process ended twice or more."""

    reason: str
    lost: bool = False
    """The machine is at fault, not the batch: it was lost, or had no memory left."""


def refuse_ended(batches: Sequence[Sequence[Any]], results: Sequence[Any]) -> None:
    """Refuse an input that ends the processes that read it.

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
    """Raise Incomplete where the machine is at fault."""
    if ended.lost:
        raise Incomplete(
            f"Ray has lost what the run cannot do without: {ended.reason}; {same_command()}"
        )
