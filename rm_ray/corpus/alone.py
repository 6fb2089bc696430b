"""Run tasks over batches of files, though one file may be bad or end the process that reads it.

pyarrow ends its process on some damaged files. Ray tries the task once more and then gives it up
with all its files. So each file of a failed task is tried again in a task of its own, and only the
file at fault is lost.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import pyarrow as pa

from rm_ray.config import CorpusConfig, InputConfig
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable, is_bad_file
from rm_ray.corpus.passed_over import how_to_convert
from rm_ray.errors import ClusterError, InputError, short
from rm_ray.store.access import Request
from rm_ray.store.retry import patiently
from rm_ray.tasks.ended import Ended, refuse_lost
from rm_ray.tasks.run import run_tasks

FILES_PER_TASK = 64

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def each_batch(
    read: Callable[..., list[Any]], batches: Sequence[Sequence[Any]], *more: Any
) -> Iterator[list[Any | Ended]]:
    """Run a task for each batch, and yield the results in order.

    Args:
        read: a function of a batch and of the other arguments. It returns a list with one result
            for each item.
        batches: lists of items; one task works on one list.
        more: the other arguments of each task.

    Yields:
        The results of one batch. The result of an item that ends its process is an `Ended`.

    Raises:
        Incomplete: the machine of an item was lost again and again, or ran out of memory.
    """
    results = run_tasks(read, batches, *more, retries=1, doing="read")
    for batch, result in zip(batches, results, strict=True):
        if not isinstance(result, Ended):
            yield result
        else:
            alone = run_tasks(read, [[item] for item in batch], *more, retries=1, doing="read")
            yield [_only(results_of_item) for results_of_item in alone]


def _only(result: list[Any] | Ended) -> Any | Ended:
    """Return the result of a task that worked on a single item."""
    if isinstance(result, Ended):
        refuse_lost(result)
        return result
    return result[0]


def each_file(
    read: Callable[..., list[Any]],
    files: Sequence[InputFile],
    config: CorpusConfig,
    *more: Any,
    at_once: int = FILES_PER_TASK,
) -> Iterator[tuple[InputFile, Any]]:
    """Yield each file with the answer of a task, or with an Unreadable if the file is skipped.

    Args:
        read: a function of a list of files, the configuration and the other arguments. It returns
            a list with an answer or an Unreadable for each file.
        files: the files, in the order in which they are yielded.
        config: the configuration of the corpus.
        more: the other arguments of each task.
        at_once: number of files that one task gets.

    Raises:
        InputError: a file cannot be read, and bad files are not skipped.
        ClusterError: a machine does not find a file that this machine finds.
    """
    batches = list(_chunks(files, at_once))
    for batch, answers in zip(batches, each_batch(read, batches, config, *more), strict=True):
        for file, answer in zip(batch, answers, strict=True):
            yield file, _checked(file, answer, config)


def _checked(file: InputFile, answer: Any, config: CorpusConfig) -> Any:
    """Return the answer, or an Unreadable if the file is skipped. Raises like `each_file`."""
    if isinstance(answer, Ended):
        message = f"{file.path} cannot be read: reading it ended the process twice: {answer.reason}"
        answer = Unreadable(message, bad_file=True)
    if isinstance(answer, NotFound):
        answer = answer.seen_from_here()
    if not isinstance(answer, Unreadable):
        return answer
    scoring = config if answer.bad_file and isinstance(config, InputConfig) else None
    if scoring and scoring.on_bad_file == "skip":
        return answer
    if isinstance(answer, NotFound):
        raise ClusterError(str(answer))
    hint = " (--input.on_bad_file skip goes on without it)" if scoring else ""
    raise InputError(f"{answer}{hint}")


def read_or_say(
    file: InputFile, config: CorpusConfig, read: Callable[[], Answer]
) -> Answer | Unreadable:
    """Return the result of `read`, or an Unreadable with the reason why there is none.

    Faults that may pass are tried again.
    """
    try:
        return patiently(read, Request("reading", file.path, config.storage, config.key))
    except pa.ArrowException as error:
        what = f"is not a readable Parquet file ({file.size:,} bytes): {short(error)}"
        if way := how_to_convert(file.path, file.path):
            what += f"; JSON Lines are converted first: {way}"
        return Unreadable(f"{file.path} {what}", bad_file=True)
    except FileNotFoundError:
        return NotFound(file.path, config.storage)
    except OSError as error:
        message = f"cannot read {file.path}: {short(error)}"
        return Unreadable(message, bad_file=is_bad_file(error))


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk
