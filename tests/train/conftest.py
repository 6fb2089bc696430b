import pytest

from tests.train.tables import write_pairs


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """A run of the job pairs, of forty documents."""
    return write_pairs(tmp_path_factory.mktemp("pairs") / "run", documents=40)
