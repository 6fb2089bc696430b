"""Runs of the scoring job with the fault engine, and harm to the files that they read."""

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.score import job as scoring
from tests import fault_engine, jobs


def run(caplog, folder, *extra, **changes):
    """The job with the fault engine, from folder/in to folder/out."""
    paths = {"input_path": folder / "in", "output_path": folder / "out"}
    return jobs.run(caplog, *extra, **{"engine_name": fault_engine.NAME} | paths | changes)


def write(folder, name, texts, **columns):
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"{name}-{i}" for i in range(len(texts))]
    pq.write_table(pa.table({"id": ids, "text": texts, **columns}), folder / f"{name}.parquet")


def damage_row_group(path, group):
    """Spoil the text of one row group; the footer stays whole."""
    data = bytearray(path.read_bytes())
    text = pq.read_metadata(path).row_group(group).column(1)
    start = text.dictionary_page_offset + 40  # in the compressed words themselves
    data[start : start + 200] = bytes(byte ^ 0x55 for byte in data[start : start + 200])
    path.write_bytes(data)


def when_the_plan_is_made(monkeypatch, action):
    """Do something to the corpus after it was planned and before it is read."""
    wait = scoring.wait_for_machines

    def meddle(pool):
        action()
        return wait(pool)

    monkeypatch.setattr(scoring, "wait_for_machines", meddle)
