"""One pass over many parts: tasks count, and the counts are merged.

No shuffle, and no list of documents in the driver.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable
from rm_ray.errors import ClusterError, InputError
from rm_ray.tasks.run import merge_tasks, results_of

# Rows and parts that one task counts, at most. A single larger item still is one task.
ROWS_PER_TASK, PARTS_PER_TASK = 1_000_000, 64
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Pass(Generic[Item]):
    """A Pass runs a function over batches of parts, in one task per batch."""

    batches: Sequence[Sequence[Item]]
    """Batches of items, from `in_batches`."""
    cpus: float
    """CPUs per task."""
    progress_s: float
    """Seconds between progress lines."""

    def each(self, count: Callable[..., Result], *more: Any) -> list[Result]:
        """Return the result of a function for each batch.

        Args:
            count: the function. It is called with the batch and the other arguments.
            more: the other arguments.

        Raises:
            InputError: an input cannot be read, or ends the processes that read it.
            ClusterError: a machine does not find an input that this one finds.
        """
        with _refusals():
            return results_of(
                count,
                self.batches,
                *more,
                cpus=self.cpus,
                doing="counted",
                every_s=self.progress_s,
            )

    def merged(
        self,
        count: Callable[..., Any],
        merge: Callable[[Sequence[Any]], Result],
        *more: Any,
    ) -> Result:
        """Merge the results of a function for all batches, in their order.

        Args:
            count: the function. It is called with the batch and the other arguments.
            merge: merges a sequence of results into one.
            more: the other arguments.

        Raises:
            InputError: an input cannot be read, or ends the processes that read it.
            ClusterError: a machine does not find an input that this one finds.
        """
        with _refusals():
            return merge_tasks(
                count,
                merge,
                self.batches,
                *more,
                cpus=self.cpus,
                doing="counted",
                every_s=self.progress_s,
            )


def in_batches(items: Iterable[Item], rows_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Yield the items in batches for tasks, in order, each of limited rows and parts.

    Args:
        items: the items.
        rows_of: returns the rows of an item.
    """
    batch: list[Item] = []
    rows = 0
    for item in items:
        item_rows = rows_of(item)
        if batch and (rows + item_rows > ROWS_PER_TASK or len(batch) >= PARTS_PER_TASK):
            yield batch
            batch, rows = [], 0
        batch.append(item)
        rows += item_rows
    if batch:
        yield batch


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn the read errors of tasks into errors that refuse the job."""
    try:
        yield
    except NotFound as error:
        raise ClusterError(str(error)) from None
    except (Unreadable, FileNotFoundError) as error:
        raise InputError(str(error)) from None
