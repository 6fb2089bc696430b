"""Wraps text to the terminal, and prints it."""

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence


def terminal_width() -> int:
    """Return the terminal's columns, at most 100, since wider text reads badly; 80 without one."""
    return min(shutil.get_terminal_size((80, 24)).columns, 100)


def wrapped(text: str, width: int, indent: int = 0, first: int | None = None) -> str:
    """Wrap text into lines of a width; the first line may have another indent."""
    return textwrap.fill(
        text,
        max(width, 40),
        initial_indent=" " * (indent if first is None else first),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def columns(rows: Mapping[str, str], width: int) -> str:
    """Lay out names with their texts beside them, or below them if the page is narrow."""
    left = max(map(len, rows)) + 4
    if width - left < 30:
        return "\n".join(f"  {name}\n{wrapped(text, width, 6)}" for name, text in rows.items())
    lines = (wrapped(text, width, left) for text in rows.values())
    return "\n".join(
        f"  {name:<{left - 2}}{line[left:]}" for name, line in zip(rows, lines, strict=True)
    )


def command(words: str, width: int) -> str:
    """Wrap a command to copy: lines end in a backslash, and an option stays with its value."""
    bound = re.sub(r"(--\S+) (?!--)", "\\1\u00a0", words)
    lines = wrapped(bound, width - 2, 6, first=2).splitlines()
    return " \\\n".join(lines).replace("\u00a0", " ")


def listed(names: Sequence[str]) -> str:
    """Join names for a sentence: a, b and c."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def show(page: str) -> None:
    """Print a page. The reader may close the pipe before the end."""
    try:
        print(page, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
