"""Equal rewards at a cut are told, and so is the threshold that keeps the same documents."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.filter.runs import run
from tests.scored_runs import fabricate

ROWS = 40


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Rewards 0.0, 0.1, ... 3.9 in float32, a column of pairs, and columns of 64 bits."""
    folder = tmp_path_factory.mktemp("ties")
    (folder / "corpus").mkdir()
    for name in "ab":
        texts = pa.table({"text": [f"{name} {row}" for row in range(ROWS // 2)]})
        pq.write_table(texts, folder / "corpus" / f"{name}.parquet")

    def rewards(shard):
        rows = np.arange(shard.start, shard.stop) * 2 + shard.file.endswith("b.parquet")
        return pa.table({
            "reward": pa.array(rows / 10, pa.float32()), "pairs": pa.array(rows // 2, pa.float32()),
            "fetched": pa.array(1_700_000_000 + rows, pa.int64()),
            "large": pa.array((2**64 - ROWS + rows.astype(object)).tolist(), pa.uint64()),
            "fine": pa.array(1 + rows * 2.0**-50, pa.float64()),
            "n_tokens": pa.array([1] * len(rows), pa.int64()), "status": ["ok"] * len(rows),
        })  # fmt: skip

    fabricate(folder / "scored", folder / "corpus", rewards, shard_rows=7)
    return folder / "scored"


def kept(out):
    table = pq.read_table(out / "ids", columns=["source_file", "row"]).to_pylist()
    return sorted(one["row"] * 2 + one["source_file"].endswith("b.parquet") for one in table)


def filtered(caplog, scored, out, **changes):
    words = {"rewards_path": scored, "output_path": out, "output_kind": "ids"}
    status, log = run(caplog, **words, **changes)
    assert status == 0, log
    return kept(out), json.loads((out / "manifest.json").read_text())


@pytest.mark.parametrize(
    ("column", "threshold"),
    [
        ("reward", 2.7000000476837158),
        ("fetched", 1_700_000_027),
        ("large", 2**64 - ROWS + 27),
        ("fine", 1 + 27 * 2.0**-50),
    ],
)
def test_columns_are_ordered_by_all_their_bits(
    ray_cluster, scored, tmp_path, caplog, column, threshold
):
    """And the threshold that is told keeps the same documents."""
    best = list(range(27, ROWS))
    rows, manifest = filtered(
        caplog, scored, tmp_path / "best", rewards_column=column, rule_keep_documents=len(best)
    )
    assert rows == best and manifest["ties"] == []
    assert manifest["min_reward_that_keeps_the_same"] == threshold
    rows, manifest = filtered(
        caplog, scored, tmp_path / "same", rewards_column=column, rule_min_reward=repr(threshold)
    )
    assert rows == best and manifest["cuts"][0]["cuts"] == [{"at_least": threshold}]


def test_a_dry_run_tells_the_threshold_to_copy(ray_cluster, scored, tmp_path, caplog, capsys):
    words = {"rewards_path": scored, "output_path": tmp_path / "out", "rule_keep_fraction": 0.325}
    assert run(caplog, "--dry-run", **words)[0] == 0
    page = capsys.readouterr().out
    assert "the same documents are kept by --rule.min_reward 2.70000005\n" in page
    rows, _ = filtered(caplog, scored, tmp_path / "same", rule_min_reward="2.70000005")
    assert rows == list(range(27, ROWS))


def test_equal_rewards_on_both_sides_of_a_cut_are_told(
    ray_cluster, scored, tmp_path, caplog, capsys
):
    """Of 20 pairs seven documents are the best three, and one of the fourth."""
    words = {"rewards_column": "pairs", "rule_keep_documents": 7}
    assert (
        run(caplog, "--dry-run", rewards_path=scored, output_path=tmp_path / "out", **words)[0] == 0
    )
    page = capsys.readouterr().out
    assert "2 documents have exactly the reward of cut 1; a hash put 1 before it and 1" in page
    assert "the same documents are kept by" not in page
    rows, manifest = filtered(caplog, scored, tmp_path / "seven", **words)
    assert rows[1:] == list(range(34, 40)) and rows[0] in (32, 33)
    assert manifest["ties"] == [{"group": "[]", "cut": 0, "before": 1, "beyond": 1}]
    assert manifest["min_reward_that_keeps_the_same"] is None
    _, manifest = filtered(caplog, scored, tmp_path / "eight", **words | {"rule_keep_documents": 8})
    assert manifest["ties"] == [] and manifest["min_reward_that_keeps_the_same"] == 16


def test_buckets_that_part_equal_rewards_are_told(ray_cluster, scored, tmp_path, caplog):
    _, manifest = filtered(
        caplog, scored, tmp_path / "out", rewards_column="pairs", output_buckets=8
    )
    # 5 documents a bucket: every second cut parts a pair
    assert [tie["cut"] for tie in manifest["ties"]] == [0, 2, 4, 6]


def test_noise_and_the_rest_have_no_threshold(ray_cluster, scored, tmp_path, caplog):
    for number, changes in enumerate(({"rule_temperature": 0.5}, {"rule_invert": "true"})):
        _, manifest = filtered(
            caplog, scored, tmp_path / str(number), rule_keep_documents=5, **changes
        )
        assert manifest["min_reward_that_keeps_the_same"] is None
