"""What `ray job submit --working-dir .` takes along, by Ray's own code, of a folder in use."""

import shutil
import zipfile

import pytest
from ray._private.runtime_env.packaging import create_package
from ray._private.runtime_env.working_dir import upload_working_dir_if_needed

from tests.conftest import ROOT

# What lies about in a folder that somebody works in
LEFT = [
    "outputs/demo/part.parquet",
    "models/judge/model.safetensors",
    "checkpoint.pt",
    ".venv/lib/python3.11/site-packages/torch/torch.py",
    ".git/objects/pack/pack-1.pack",
    ".mypy_cache/3.11/cache.json",
    ".pytest_cache/README.md",
    ".hypothesis/examples/1",
    "build/lib/rm_ray/old.py",
    "dist/rm_ray-0.3.0-py3-none-any.whl",
    "rm_ray.egg-info/PKG-INFO",
    "rm_ray/__pycache__/cli.cpython-311.pyc",
    "plot.png",
]


@pytest.fixture(scope="module")
def upload(tmp_path_factory):
    """The zipped upload's size, and the names in it."""
    folder = tmp_path_factory.mktemp("upload")
    project = folder / "project"
    not_ours = shutil.ignore_patterns(
        ".git", ".venv", "outputs", ".*_cache", "__pycache__", "build"
    )
    shutil.copytree(ROOT, project, ignore=not_ours)
    for name in LEFT:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 2**18)
    excluded = []

    def take(working_dir, excludes, is_file=False):
        excluded.extend(excludes)

    uri = upload_working_dir_if_needed(
        {"working_dir": str(project)}, include_gitignore=True, upload_fn=take
    )["working_dir"]
    assert uri.startswith("gcs://")
    package = folder / "package.zip"
    create_package(str(project), package, True, excludes=excluded)
    with zipfile.ZipFile(package) as zipped:
        return package.stat().st_size, zipped.namelist()


def code():
    """The files that jobs are made of, and not those for readers of what they write."""
    ours = [path for folder in ("jobs", "rm_ray") for path in (ROOT / folder).rglob("*")]
    left = (".pyc", ".schema.json")
    return [path for path in ours if path.is_file() and not path.name.endswith(left)]


def test_it_is_small(upload):
    size, _ = upload
    # Ray's zips are not compressed: nearly all of it is code, and this may grow with that alone
    assert size < sum(path.stat().st_size for path in code()) + 2**17
    assert size < 3 * 2**20, f"{size / 2**20:.2f} MiB"


def test_it_holds_what_a_job_needs(upload):
    _, names = upload
    needed = {path.relative_to(ROOT).as_posix() for path in code()}
    assert {"jobs/score.py", "rm_ray/score/job.py", "rm_ray/report/show/page.html.jinja"} <= needed
    assert needed <= set(names)


def test_it_holds_nothing_else(upload):
    _, names = upload
    assert {name.split("/")[0] for name in names} <= {
        "jobs", "rm_ray", ".gitignore", ".rayignore",
    }  # fmt: skip
    assert not [name for name in names if name in LEFT]
    assert not [name for name in names if name.endswith((".safetensors", ".parquet", ".pyc"))]
