"""A run tokenises with fastokens only if its ids are those of tokenizers."""

import gzip
import json
import random
import shutil

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.judges.encoding import encode, load_tokenizer, plain_json
from rm_ray.judges.fast_encoding import battery, first_difference
from rm_ray.score.library import fastest
from tests import fault_engine
from tests.conftest import TINY_JUDGE, tiny_judge
from tests.jobs import prose, read_rewards, run
from tests.judges.plain_tokenizers import split_by

# At the beginning of any line but the first one, only tokenizers splits behind these letters.
DIFFERS_AT = "zqt"
ODD = f"one\n{DIFFERS_AT}he is"


def test_a_document_that_planning_samples_decides_for_the_whole_run(ray_cluster, tmp_path, caplog):
    shutil.copytree(TINY_JUDGE, tmp_path / "judge")
    file = tmp_path / "judge" / "tokenizer.json"
    file.write_text(split_by(rf"^{DIFFERS_AT}|\S+|\s+", file.read_text()))
    plain = plain_json(file.read_text())
    assert first_difference(plain, battery(plain)) is None
    assert first_difference(plain, ["one", ODD]) == 1

    texts = [f"{number} of them {ODD} " * 20 for number in range(12)]
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table({"id": range(12), "text": texts}), tmp_path / "in" / "a.parquet")
    places = {"input_path": tmp_path / "in", "output_path": tmp_path / "out",
              "judge_model": tmp_path / "judge", "engine_name": fault_engine.NAME}  # fmt: skip
    status, said = run(caplog, **places)
    assert status == 0, said
    assert said.count("fastokens gives other token ids") == 1
    assert "in/a.parquet row 0: " in said and "this run uses tokenizers" in said
    right = [len(encode(load_tokenizer(plain), text)) for text in texts]
    assert [row["n_tokens"] for row in read_rewards(tmp_path / "out")] == right

    # more files come, of which no document differs; the run remembers
    pq.write_table(pa.table({"id": [99], "text": ["two " * 200]}), tmp_path / "in" / "b.parquet")
    status, said = run(caplog, **places)
    assert status == 0, said
    assert said.count("fastokens gives other token ids") == 1 and "in/a.parquet row 0: " in said
    (segment, _) = sorted((tmp_path / "out" / "_rm_ray").rglob("plan/*"))
    tokenizer, _ = tiny_judge()
    assert fastest(tokenizer).fast
    assert not fastest(tokenizer, [json.loads(first_line(segment).removeprefix("notes: "))]).fast


def first_line(path):
    return gzip.decompress(path.read_bytes()).decode().splitlines()[0]


def test_documents_are_tokenised_by_fastokens_where_it_agrees(ray_cluster, tmp_path, caplog):
    rng = random.Random(0)
    (tmp_path / "in").mkdir()
    texts = [prose(rng, 200) for _ in range(8)]
    pq.write_table(pa.table({"id": range(8), "text": texts}), tmp_path / "in" / "a.parquet")
    status, said = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out",
                       engine_name=fault_engine.NAME)  # fmt: skip
    assert status == 0 and "fastokens" not in said
    tokenizer, _ = tiny_judge()
    right = [len(encode(load_tokenizer(tokenizer.tokenizer_json), text)) for text in texts]
    assert [row["n_tokens"] for row in read_rewards(tmp_path / "out")] == right
