"""One pass over many parts: Ray tasks count, and what they counted is merged by tasks.

No shuffle, and no list of documents in the driver.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import ray

from rm_ray.cluster import wait_for_tasks
from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable
from rm_ray.errors import ClusterError, InputError, RmRayError, short

# A task counts so many rows, and looks into no more parts.
ROWS_PER_TASK, PARTS_PER_TASK = 1_000_000, 64
# Results are merged so many at a time, by tasks.
MERGED_AT_ONCE = 16
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Pass(Generic[Item]):
    """Over batches, a task each, of so many `cpus`. `progress_s`: seconds between lines."""

    batches: Sequence[Sequence[Item]]
    cpus: float
    progress_s: float

    def each(self, task: Any, *more: Any) -> list[Any]:
        """The results of a task (`as_value`), which is given a batch, and the other arguments.

        Raises:
            RmRayError: a task refused.
        """
        references = self._references(task, more)
        with self._naming_what_ended(references):
            results = ray.get(references)
        return [_or_raise(result) for result in results]

    def merged(self, task: Any, merge: Callable[[Sequence[Any]], Result], *more: Any) -> Result:
        """The sum of the task's results, added up by tasks, in the order of the batches.

        Raises:
            RmRayError: a task refused.
        """
        results = references = self._references(task, more)
        while len(results) > 1:
            results = [
                _merge.options(num_cpus=self.cpus).remote(merge, *results[i : i + MERGED_AT_ONCE])
                for i in range(0, len(results), MERGED_AT_ONCE)
            ]
        with self._naming_what_ended(references):
            found: Result = _or_raise(ray.get(results[0])) if results else merge([])
        return found

    @contextmanager
    def _naming_what_ended(self, references: Sequence[Any]) -> Iterator[None]:
        """Say which batch ends each process that reads it.

        Raises:
            InputError: with the first and the last item of the batch.
        """
        try:
            yield
        except ray.exceptions.WorkerCrashedError:
            for batch, reference in zip(self.batches, references, strict=True):
                try:
                    ray.get(reference)
                except ray.exceptions.WorkerCrashedError as error:
                    raise InputError(
                        f"each process that reads {batch[0]} to {batch[-1]} ends: {short(error)}"
                    ) from None
            raise

    def _references(self, task: Any, more: Sequence[Any]) -> list[Any]:
        """To the results, all of them there."""
        arguments = [ray.put(one) for one in more]
        results = [
            task.options(num_cpus=self.cpus).remote(batch, *arguments) for batch in self.batches
        ]
        wait_for_tasks(results, "counted", self.progress_s)
        return results


def in_batches(items: Iterable[Item], rows_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """What tasks are given, in order: few enough rows and parts each."""
    batch: list[Item] = []
    rows = 0
    for item in items:
        more = rows_of(item)
        if batch and (rows + more > ROWS_PER_TASK or len(batch) >= PARTS_PER_TASK):
            yield batch
            batch, rows = [], 0
        batch.append(item)
        rows += more
    if batch:
        yield batch


def as_value(count: Callable[..., Any]) -> Any:
    """A Ray task of it, whose refusals are values: raised, Ray would wrap them."""

    def task(*arguments: Any) -> Any:
        try:
            return count(*arguments)
        except RmRayError as error:
            return error
        except NotFound as error:
            return ClusterError(str(error))
        except (Unreadable, FileNotFoundError) as error:
            return InputError(str(error))

    task.__name__ = task.__qualname__ = count.__name__
    return ray.remote(max_retries=3)(task)


def _or_raise(result: Any) -> Any:
    if isinstance(result, RmRayError):
        raise result
    return result


@as_value
def _merge(merge: Callable[[Sequence[Any]], Any], *results: Any) -> Any:
    return merge([_or_raise(result) for result in results])
