"""Asks a store for many things at once, since each answer takes a while to come."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fsspec.utils import get_protocol

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# Items that are asked for at the same time.
ITEMS_AT_ONCE = 16


def at_once(
    ask: Callable[[Item], Answer], items: Iterable[Item], *, uri: str | None = None
) -> list[Answer]:
    """Ask for each item in a thread, and return the answers in the order of the items.

    The first item is asked for alone: it opens the connection that all the others share.

    Args:
        ask: a function of an item. It is called in up to `ITEMS_AT_ONCE` threads at once.
        items: the items.
        uri: where the items are, if tasks on all cores ask at the same time. A local disk needs no
            threads then: its items are asked for one after the other.

    Raises:
        Exception: the error that `ask` raised for the first item that failed.
    """
    todo = list(items)
    if uri is not None and get_protocol(uri) == "file":
        return [*map(ask, todo)]
    with ThreadPoolExecutor(ITEMS_AT_ONCE) as pool:
        return [*map(ask, todo[:1]), *pool.map(ask, todo[1:])]
