"""Wraps text to the terminal, and prints it."""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence


def terminal_width() -> int:
    """Columns of the terminal; 80 where there is none, and no more than reads well."""
    return min(shutil.get_terminal_size((80, 24)).columns, 100)


def wrapped(text: str, width: int, indent: int = 0, first: int | None = None) -> str:
    """Text in lines of a width, the first of which may be indented otherwise."""
    return textwrap.fill(
        text,
        max(width, 40),
        initial_indent=" " * (indent if first is None else first),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def columns(rows: Mapping[str, str], width: int) -> str:
    """Names with what is said of each, which stands beside them, or below where that is narrow."""
    left = max(map(len, rows)) + 4
    if width - left < 30:
        return "\n".join(f"  {name}\n{wrapped(said, width, 6)}" for name, said in rows.items())
    lines = (wrapped(said, width, left) for said in rows.values())
    return "\n".join(
        f"  {name:<{left - 2}}{line[left:]}" for name, line in zip(rows, lines, strict=True)
    )


def command(words: str, width: int) -> str:
    """A command to copy: in lines that a shell goes on with, an option beside its value."""
    bound = re.sub(r"(--\S+) (?!--)", "\\1\u00a0", words)
    lines = wrapped(bound, width - 2, 6, first=2).splitlines()
    return " \\\n".join(lines).replace("\u00a0", " ")


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: a, b and c."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def show(page: str) -> None:
    """Print it; whoever reads it may want no more of it."""
    try:
        print(page, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
