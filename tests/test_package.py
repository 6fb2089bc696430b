"""The wheel: what it holds, and that it works in an empty folder."""

import os
import re
import subprocess
import sys
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray import __version__
from tests.conftest import ROOT
from tests.jobs import environment

UNPACK = "import demo.run, pathlib; demo.run.unpack(pathlib.Path.cwd())"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of what git knows."""
    folder = tmp_path_factory.mktemp("wheel")
    known = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in known.stdout.decode().split("\0"):
        if name.startswith(("rm_ray/", "jobs/", "demo/")) or "/" not in name:
            source = ROOT / name
            if source.is_file():
                target = folder / "source" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
    words = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", *words, str(folder / "source")], check=True
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_all_configurations_judges_and_the_demo(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    names = [*ROOT.glob("jobs/*.yaml"), *ROOT.glob("jobs/judges/*"), *ROOT.glob("demo/*.py")]
    names += ROOT.glob("demo/tiny_judge/*")
    beside = [f"rm_ray/shipped/{path.relative_to(ROOT)}" for path in names]
    modules = [str(path.relative_to(ROOT)) for path in ROOT.glob("rm_ray/**/*.py")]
    assert len(beside) > 20 and len(modules) > 400
    assert inside >= {*beside, *modules}
    assert f"-{__version__}-" in wheel.name


def test_an_installed_wheel_scores_in_an_empty_folder(wheel, tmp_path):
    installed, work = tmp_path / "installed", tmp_path / "work"
    zipfile.ZipFile(wheel).extractall(installed)
    work.mkdir()
    pq.write_table(pa.table({"id": ["a"], "text": ["A short text. " * 40]}), work / "in.parquet")
    path = os.pathsep.join([str(installed), str(installed / "rm_ray" / "shipped")])
    env = environment(PYTHONPATH=path)

    def python(*words):
        return subprocess.run(
            [sys.executable, *words], cwd=work, env=env, capture_output=True, text=True
        )

    where = python("-c", "import rm_ray, demo.run; print(rm_ray.__file__, demo.run.ROOT)")
    assert where.stdout.split() == [
        str(installed / "rm_ray/__init__.py"), str(installed / "rm_ray/shipped"),
    ], where  # fmt: skip
    assert python("-c", UNPACK).returncode == 0
    assert (work / "demo/tiny_judge/model.safetensors").exists()
    words = ["score", "--config", "jobs/demo.yaml", "--input.path", "in.parquet"]
    said = python("-m", "rm_ray", *words, "--output.path", "out", "--dry-run")
    assert said.returncode == 0 and "documents" in said.stdout, said.stderr
    assert not (work / "out").exists()


def test_the_version_is_the_newest_of_the_changelog():
    versions = re.findall(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == __version__
    numbers = [tuple(map(int, version.split("."))) for version in versions]
    assert numbers == sorted(set(numbers), reverse=True)
