"""Documents that harm the engine: found, marked and kept apart; everybody else is scored."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.cli import main
from rm_ray.config import ScoreConfig
from rm_ray.scoring import dry_run, score
from tests import fault_engine
from tests.jobs import options, prose, read_rewards

pytestmark = pytest.mark.usefixtures("ray_cluster")


def run(caplog, *extra, **changes):
    """Exit status of the job with the fault engine, and the lines it logged."""
    caplog.clear()
    caplog.set_level("INFO")
    changes = {"engine_name": fault_engine.NAME, "engine_silence_s": 3} | changes
    status = main([*options(**changes), *extra], ScoreConfig, "", score, dry_run)
    return status, caplog.text


def write_poisoned(folder, kinds, rows=60):
    """One file a kind, a poisoned document in its middle; one shard each."""
    rng = random.Random(0)
    folder.mkdir()
    for kind in kinds:
        texts = [prose(rng, rng.randint(60, 120)) for _ in range(rows)]
        texts[rows // 2] = f"{texts[0]} {fault_engine.POISON[kind]} {texts[1]}"
        table = pa.table({"id": [f"{kind}-{i}" for i in range(rows)], "text": texts})
        pq.write_table(table, folder / f"{kind}.parquet")


@pytest.mark.parametrize("kind", ["raise", "nan", "hang", "kill"])
def test_poison(kind, tmp_path, caplog):
    write_poisoned(tmp_path / "in", [kind])
    status, log = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out")
    print(log)
    rows = read_rewards(tmp_path / "out")
    bad = [row for row in rows if row["status"] != "ok"]
    print(bad)
    assert len(rows) == 60 and [row["id"] for row in bad] == [f"{kind}-30"]
    assert status == 1
