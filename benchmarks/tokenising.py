"""The read stage with fastokens against `tokenizers`: tokens per second of one core.

    python -m benchmarks.tokenising [--tokenizer tokenizer.json ...] [--rounds 3]

Reads the documents that the tiny judge learns from (25 MB of text) out of Parquet and tokenises
them, as a run's CPU tasks do. Each library has a separate process and sees each text once; they
take turns. The ids are compared by a hash. Times are CPU seconds, without loading the tokenizer.
"""

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from demo.texts import training_documents
from demo.training_corpus import write
from rm_ray.config import InputConfig
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.reading import read_shards
from rm_ray.corpus.shards import Shard
from rm_ray.judges.encoding import plain_json
from rm_ray.judges.text import TextTokenizer
from rm_ray.score.read_stage import tokenize

ROOT = Path(__file__).parents[1]
QWEN = ROOT.parent / "shared" / "data" / "qwen2.5-tokenizer" / "tokenizer.json"
TINY = ROOT / "demo" / "tiny_judge" / "tokenizer.json"
LIBRARIES = ("tokenizers", "fastokens")


def measure(corpus: Path, tokenizer_json: Path, library: str) -> dict[str, object]:
    """Read and tokenise the corpus once, in this process."""
    tokenizer = TextTokenizer(
        "text", plain_json(tokenizer_json.read_text()), fast=library == "fastokens"
    )
    config = InputConfig(path=str(corpus), id=None)
    (file,) = corpus.glob("*.parquet")
    footer = pq.read_metadata(file)
    rows = [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
    starts = np.cumsum([0, *rows]).tolist()
    shards = tuple(Shard(str(file), a, b) for a, b in pairwise(starts))
    unit = ReadUnit(
        file=str(file), partition={}, first_group=0, stop_group=len(rows), first_row=0,
        shards=shards,
    )  # fmt: skip
    tokenizer.tokenize(
        {"text": pq.read_table(file).column("text").slice(0, 1)}
    )  # loads the tokenizer
    seen, tokens, read, tokenised = hashlib.sha256(), 0, 0.0, 0.0
    began = time.process_time()
    for _, documents in read_shards(unit, config, tokenizer.columns):
        then = time.process_time()
        ids = tokenize(documents, tokenizer).column("_ids").combine_chunks().values
        done = time.process_time()
        read, tokenised, tokens = read + then - began, tokenised + done - then, tokens + len(ids)
        seen.update(ids.to_numpy())
        began = time.process_time()
    return {"tokens": tokens, "read_s": read, "tokenise_s": tokenised, "ids": seen.hexdigest()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokenizer", type=Path, nargs="*", help="tokenizer.json files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        corpus, tokenizer, library = given.one
        print(json.dumps(measure(Path(corpus), Path(tokenizer), library)))
        return
    named = given.tokenizer or [path for path in (QWEN, TINY) if path.is_file()]
    with tempfile.TemporaryDirectory() as folder:
        write(training_documents(), Path(folder))
        for tokenizer in named:
            _compare(Path(folder), tokenizer, given.rounds)


def _compare(corpus: Path, tokenizer: Path, rounds: int) -> None:
    found: dict[str, list[dict]] = {library: [] for library in LIBRARIES}
    for _ in range(rounds):
        for library in LIBRARIES:
            words = ["--one", str(corpus), str(tokenizer), library]
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.tokenising", *words],
                cwd=ROOT, capture_output=True, text=True, check=True,
            )  # fmt: skip
            found[library].append(json.loads(done.stdout))
    speeds = {}
    for library, rows in found.items():
        seconds = [statistics.median(row[key] for row in rows) for key in ("read_s", "tokenise_s")]
        speeds[library] = rows[0]["tokens"] / sum(seconds)
        print(
            f"{tokenizer.parent.name:20} {library:12} {rows[0]['tokens']:,} tokens; reading "
            f"{seconds[0]:.2f} s, tokenising {seconds[1]:.2f} s: {speeds[library]:,.0f} tokens/s"
        )
    same = len({row["ids"] for rows in found.values() for row in rows}) == 1
    ratio = speeds["fastokens"] / speeds["tokenizers"]
    print(f"{tokenizer.parent.name:20} {ratio:.1f} times, ids {'equal' if same else 'DIFFER'}")
    if not same:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
