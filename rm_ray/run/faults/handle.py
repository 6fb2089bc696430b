"""The tally's handle: every process of a run calls the tally through a handle.

If Ray runs the stages, the tally is an actor beside the driver. If processes of the driver's
machine run them, the tally is an object of the driver. Callers do not notice the difference.

A call names a method of the class Tally, so mypy checks the method and its arguments. Ray gives the
methods of an actor no types: there, a misspelt name would only fail during a run.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from rm_ray.run.faults.tally import Tally

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class NoAnswer(Exception):
    """Raised if the tally has not answered, or not in time."""


class TallyHandle(ABC):
    """A TallyHandle calls the tally from any process. It is sent to tasks and actors.

    `method` is always a method of the class Tally, for example `Tally.fault`, followed by the
    method's arguments.
    """

    def tell(
        self,
        method: Callable[Concatenate[Tally, Arguments], None],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> None:
        """Send the tally a call, and do not wait for it."""
        self._send(method.__name__, args, kwargs)

    def call(
        self,
        method: Callable[Concatenate[Tally, Arguments], Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Answer:
        """Send the tally a call, wait for it, and return the method's result."""
        return self.call_within(None, method, *args, **kwargs)

    def call_within(
        self,
        seconds: float | None,
        method: Callable[Concatenate[Tally, Arguments], Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Answer:
        """Call the tally like `call`, but wait at most so many seconds; None: without limit.

        Raises:
            NoAnswer: the tally has not answered by then, or is lost.
        """
        answer: Answer = self._send(method.__name__, args, kwargs)(seconds)
        return answer

    @abstractmethod
    def _send(
        self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Callable[[float | None], Any]:
        """Send a call. Return a function that waits for the answer, at most so many seconds."""
