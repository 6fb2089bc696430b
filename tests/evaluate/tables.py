"""Small tables of labelled pairs, as jobs/pairs.py writes them, in the tiny judge's tokens."""

import hashlib
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from demo.spoil import TRAINING, UNSEEN
from rm_ray.config import OutputConfig
from rm_ray.judges.encoding import encode, load_tokenizer
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.pairs.worsen.rearranged import Worsen
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.run_json import new_run
from tests.conftest import TINY_JUDGE, tiny_judge
from tests.jobs import prose

CHUNK = 64
KINDS = TRAINING | UNSEEN
# A source of each document, by its number.
SOURCES = ("web", "books", "wiki")


def pairs_of(
    texts: Sequence[str], kinds: Mapping[str, Worsen], per_document: int = 4, seed: int = 0
) -> pa.Table:
    """Some pairs of each document that is long enough: real chunks, and the same made worse."""
    tokenizer = load_tokenizer(plain_tokenizer((TINY_JUDGE / "tokenizer.json").read_text()))
    rows = []
    for number, text in enumerate(texts):
        rng = random.Random(f"{seed} {number}")
        ids = encode(tokenizer, text)
        chunks = len(ids) // CHUNK
        split = "validation" if hashlib.sha256(text.encode()).digest()[0] < 128 else "train"
        others = [texts[number - 1]]
        for place in rng.sample(range(chunks), min(per_document, chunks)):
            kind = rng.choice(sorted(kinds))
            start, stop = place * CHUNK, (place + 1) * CHUNK
            real = tokenizer.decode(ids[start:stop])
            worse = encode(tokenizer, kinds[kind](real, rng, others) + " " + text)[:CHUNK]
            context = ids[max(0, start - 256) : start]
            rows.append(
                {
                    "source": SOURCES[number % len(SOURCES)],
                    "source_file": "/corpus/a.parquet",
                    "row": number,
                    "prompt": tokenizer.decode(context),
                    "chosen": real,
                    "rejected": tokenizer.decode(worse),
                    "prompt_ids": context,
                    "chosen_ids": ids[start:stop],
                    "rejected_ids": worse,
                    "kind": kind,
                    "extent": "all",
                    "context": "clean",
                    "temperature": None,
                    "seed": rng.getrandbits(31),
                    "chunk": place,
                    "split": split,
                }
            )
    ids_type = pa.list_(pa.int32())
    table = pa.Table.from_pylist(rows)
    types = {"prompt_ids": ids_type, "chosen_ids": ids_type, "rejected_ids": ids_type}
    types |= {"temperature": pa.float32(), "chunk": pa.int32()}
    fields = [field.with_type(types.get(field.name, field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def write_pairs(
    folder: Path, table: pa.Table, *, chunk: int = CHUNK, digest: str | None = None
) -> Path:
    """The table as a complete run of jobs/pairs.py, in two files."""
    tokenizer, _ = tiny_judge()
    facts = {
        "judge.chunk_tokens": chunk,
        "tokenizer": digest or tokenizer.fingerprint()["tokenizer"],
    }
    run = RunFolder(OutputConfig(path=str(folder)), "pairs")
    run.open(facts)
    run.create(new_run(facts, {"pairs": {}, "generator": {}, "judge": {}, "input": {}}, {}))
    run.mark_complete({})
    (folder / "pairs").mkdir()
    middle = len(table) // 2
    for name, part in (("part-a", table.slice(0, middle)), ("part-b", table.slice(middle))):
        pq.write_table(part, folder / "pairs" / f"{name}.parquet", row_group_size=40)
    return folder


def small_texts(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [prose(rng, rng.randint(120, 500)) for _ in range(count)]
