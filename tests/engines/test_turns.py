"""Engines that share a GPU start one at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rm_ray.engines import turns
from tests.conftest import ROOT

pytestmark = pytest.mark.vllm

START = """
import sys
from tests.conftest import engine_settings
from dataclasses import replace
from rm_ray.engines.start import start_engine
settings = engine_settings("tests.engines.test_turns:Slow")
start_engine(replace(settings, gpus=float(sys.argv[1])))
"""
FOLDER = "RM_RAY_TEST_STARTS"


class Slow:
    """Starts for half a second, and writes down whether another one was starting meanwhile."""

    def __init__(self, settings):
        import time

        here = Path(os.environ[FOLDER])
        mine = here / f"starting-{os.getpid()}"
        mine.touch()
        time.sleep(0.5)
        others = len(list(here.glob("starting-*"))) - 1
        (here / f"others-{os.getpid()}").write_text(f"{others} {settings.gpu_memory:.2f}")
        mine.unlink()


def start(folder, gpu, share, count=2):
    env = {**os.environ, FOLDER: str(folder), "CUDA_VISIBLE_DEVICES": gpu, "TMPDIR": str(folder)}
    command = [sys.executable, "-c", START, str(share)]
    return [subprocess.Popen(command, cwd=ROOT, env=env) for _ in range(count)]


def said(folder):
    return sorted(path.read_text() for path in folder.glob("others-*"))


def test_on_one_gpu_one_after_the_other_each_with_its_share_of_the_memory(tmp_path):
    for process in start(tmp_path, "3", 0.5):
        assert process.wait(60) == 0
    assert said(tmp_path) == ["0 0.45", "0 0.45"]
    assert [path.name for path in tmp_path.glob("*.lock")] == [f"rm_ray-{os.getuid()}-gpu-3.lock"]


def test_a_start_that_is_killed_holds_up_nobody(tmp_path):
    (first,) = start(tmp_path, "3", 0.5, count=1)
    while not list(tmp_path.glob("starting-*")):
        assert first.poll() is None
    first.kill()
    first.wait()
    next(tmp_path.glob("starting-*")).unlink()
    (second,) = start(tmp_path, "3", 0.5, count=1)
    assert second.wait(60) == 0 and said(tmp_path) == ["0 0.45"]


def test_news_is_a_warning_where_nobody_keeps_a_log(caplog):
    for level, name in (("WARNING", "WARNING"), ("INFO", "INFO")):
        caplog.clear()
        with caplog.at_level(level, logger=turns.log.name):
            turns.tell("fetching %s", "it")
        assert [record.levelname for record in caplog.records] == [name]
