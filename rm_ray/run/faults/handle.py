"""The tally's handle: every process of a run calls the tally with it.

The tally is an actor beside the driver where Ray runs the stages, and an object of the driver where
processes of its machine do. What calls it cannot tell which.

A call names a method of the class Tally, and mypy checks the method and its arguments: Ray gives
the methods of an actor no types, so a misspelt one would only fail during a run.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from rm_ray.run.faults.tally import Tally

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class NoAnswer(Exception):
    """The tally has not answered, or not in time."""


class TallyHandle(ABC):
    """The tally as other processes see it; it travels to tasks and actors.

    `method` is always a method of Tally, such as `Tally.fault`; its arguments follow.
    """

    def tell(
        self,
        method: Callable[Concatenate[Tally, Arguments], None],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> None:
        """Send the tally a call, and go on at once: nothing says when it is done."""
        self._send(method.__name__, args, kwargs)

    def call(
        self,
        method: Callable[Concatenate[Tally, Arguments], Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Answer:
        """Send the tally a call, and wait until it is done; returns what the method returns."""
        return self.call_within(None, method, *args, **kwargs)

    def call_within(
        self,
        seconds: float | None,
        method: Callable[Concatenate[Tally, Arguments], Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Answer:
        """Like `call`, but wait no longer than so many seconds, if any are given.

        Raises:
            NoAnswer: the tally has not answered by then, or is lost.
        """
        answer: Answer = self._send(method.__name__, args, kwargs)(seconds)
        return answer

    @abstractmethod
    def _send(
        self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Callable[[float | None], Any]:
        """Send a call. Returns a function that waits for the answer, so many seconds at most."""
