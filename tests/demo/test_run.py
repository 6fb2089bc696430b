"""The demo's page, made of what the real job wrote."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.run import before_and_after, summary
from rm_ray.score.__main__ import main
from tests import fault_engine
from tests.jobs import options, prose


@pytest.mark.usefixtures("ray_cluster")
def test_the_page_says_what_was_scored(tmp_path):
    rng = random.Random(0)
    texts = [prose(rng, 100) for _ in range(6)] + [""]
    kinds = ["real"] * 3 + ["noised"] * 3 + ["real"]
    (tmp_path / "in").mkdir()
    table = pa.table({"id": [str(i) for i in range(7)], "text": texts, "kind": kinds})
    pq.write_table(table, tmp_path / "in" / "a.parquet")
    arguments = options(
        input_path=tmp_path / "in", output_path=tmp_path / "out", engine_name=fault_engine.NAME
    )
    assert main(arguments) == 0
    page = summary(tmp_path / "in", tmp_path / "out")
    assert "documents                  7   1 empty, 6 ok" in page
    assert "tokens/s" in page and "mean reward of the 3 real documents" in page
    assert page.count("noised") == 1 and "all kinds" in page


def test_the_page_says_how_much_junk_was_kept(tmp_path):
    for name, kinds in (("corpus", "real real noised noised"), ("kept/corpus", "real noised")):
        (tmp_path / name).mkdir(parents=True)
        pq.write_table(pa.table({"kind": kinds.split()}), tmp_path / name / "a.parquet")
    page = before_and_after(tmp_path / "corpus", tmp_path / "kept")
    assert "real                   2       1" in page and "noised                 2       1" in page
    assert page.endswith("junk: 50% of the corpus, 50% of the kept documents")
