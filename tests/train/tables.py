"""A table of pairs as the job pairs writes it, from the demo's texts made worse."""

import hashlib
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from demo.spoil import TRAINING
from demo.texts import evaluation_documents
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.tokens import read_tokenizer, tokenizer_digest
from rm_ray.pairs.table import SCHEMA
from tests.conftest import TINY_JUDGE


def write_pairs(
    folder: Path,
    documents: int = 100,
    per_document: int = 4,
    chunk: int = 64,
    context: int = 256,
    seed: int = 0,
    complete: bool = True,
    texts: list[str] | None = None,
    tokenizer_folder: Path = TINY_JUDGE,
) -> Path:
    """A finished run of the job pairs, as far as its readers can tell."""
    plain = plain_tokenizer(read_tokenizer(str(tokenizer_folder), None).json)
    tokenizer = load_tokenizer(plain)
    rng = random.Random(seed)
    texts = texts or sorted(one.text for one in evaluation_documents())
    rows = []
    for number in range(documents):
        text = rng.choice(texts)
        for place in range(per_document):
            pair = _pair(tokenizer, text, texts, rng, chunk, context)
            if pair is not None:
                digest = hashlib.sha256(f"{seed} {number}".encode()).digest()
                rows.append(
                    {
                        "source_file": "corpus/part-0.parquet", "row": number, "seed": place,
                        "extent": "all", "temperature": None,
                        "split": "validation" if digest[0] < 48 else "train", **pair,
                    }
                )  # fmt: skip
    table = pa.Table.from_pylist(rows, SCHEMA)
    (folder / "pairs").mkdir(parents=True)
    (folder / "_rm_ray").mkdir()
    pq.write_table(table, folder / "pairs" / "part-0.parquet")
    facts = {"judge.chunk_tokens": chunk, "tokenizer": tokenizer_digest(plain)}
    run = {
        "format": 2,
        "fingerprint": facts,
        "config": {"pairs": {}, "generator": {}},
        "versions": {},
    }
    (folder / "_rm_ray" / "run.json").write_text(json.dumps(run))
    if complete:
        (folder / "_SUCCESS").write_text("{}")
    return folder


def _pair(tokenizer, text, texts, rng, chunk, context):
    before = rng.choices(range(5), (0.2, 0.3, 0.2, 0.15, 0.15))[0]
    before = min(before, context // chunk)
    wanted = (before + 1) * chunk
    length = int(wanted * 3.2 * 1.4)
    start = 0  # windows of a document share their context
    real = tokenizer.encode(text[start : start + length], add_special_tokens=False).ids
    if len(real) < wanted:
        return None
    kind = rng.choice(list(TRAINING))
    others = [rng.choice(texts)[:length] for _ in range(3)]
    passage = text[start : start + length]
    worse = tokenizer.encode(TRAINING[kind](passage, rng, others), add_special_tokens=False).ids
    if len(worse) < wanted:
        return None
    clean = rng.random() < 0.6
    prompt = (real if clean else worse)[: wanted - chunk]
    chosen, rejected = real[wanted - chunk : wanted], worse[wanted - chunk : wanted]
    decode = tokenizer.decode
    return {
        "prompt": decode(prompt), "chosen": decode(chosen), "rejected": decode(rejected),
        "prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected, "kind": kind,
        "context": "clean" if clean else "broken", "chunk": before,
    }  # fmt: skip
