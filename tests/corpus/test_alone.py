"""Items that end the process they are worked on in: they cost themselves and no more."""

import os
from pathlib import Path

import pytest

from rm_ray.config import CorpusConfig, InputConfig
from rm_ray.corpus.alone import _checked, each_batch
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.parquet import Unreadable
from rm_ray.errors import InputError
from rm_ray.tasks.ended import Ended


def double(items, plus):
    if "deadly" in items:
        os._exit(1)
    return [f"{item}{plus}" for item in items]


def test_an_item_that_ends_its_process_costs_itself_alone():
    found = list(each_batch(double, [["a", "deadly", "b"], ["c"]], "!"))
    assert found[0][::2] == ["a!", "b!"] and found[1] == ["c!"]
    assert isinstance(found[0][1], Ended)


def frail(items, mark):
    """End the process that works on several items, and the first one that works on `a` alone."""
    first = items == ["a"] and not Path(mark).exists()
    if first:
        Path(mark).touch()
    if first or len(items) > 1:
        os._exit(1)
    return items


def test_a_process_that_ends_once_is_nobodys_fault(tmp_path):
    assert list(each_batch(frail, [["a", "b"]], str(tmp_path / "mark"))) == [["a", "b"]]


def test_a_file_that_ends_its_process_is_a_bad_file():
    file = InputFile("deadly", 1, "v")
    said = "deadly cannot be read: reading it ended the process twice: why"
    bad = _checked(file, Ended("why"), InputConfig(path="x", on_bad_file="skip"))
    assert isinstance(bad, Unreadable) and bad.bad_file and str(bad) == said
    with pytest.raises(InputError) as error:
        _checked(file, Ended("why"), InputConfig(path="x"))
    assert str(error.value) == f"{said} (--input.on_bad_file skip goes on without it)"
    with pytest.raises(InputError) as error:
        _checked(file, Ended("why"), CorpusConfig(path="x"))
    assert str(error.value) == said
