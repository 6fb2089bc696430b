"""The run in a local folder with which tests compare runs in stores."""

import pytest

from tests import jobs
from tests.jobs import write_corpus
from tests.store.cloud_runs import FILES, ROWS, SHARDS, select


@pytest.fixture(scope="session")
def local(ray_cluster, tmp_path_factory):
    """A folder with a corpus, `corpus`, and what the jobs make of it: `out`, `kept`."""
    top = tmp_path_factory.mktemp("local")
    write_corpus(top / "corpus", FILES, ROWS, 60)
    words = jobs.options(input_path=top / "corpus", output_path=top / "out", **SHARDS)
    assert jobs.main(words) == 0
    assert select(top)
    return top
