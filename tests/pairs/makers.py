"""Makers of pairs for tests, and documents for them."""

import random

import numpy as np
import pyarrow as pa

from rm_ray.corpus.shards import Shard
from rm_ray.judges.encoding import encode
from rm_ray.pairs.config import PairsConfig
from rm_ray.pairs.making import Maker, Making, Silent
from rm_ray.score.read_stage import tokenize
from tests.conftest import tiny_judge
from tests.jobs import prose

TOKENIZER, JUDGE = tiny_judge(context_tokens=256)
OTHERS = tuple(prose(random.Random(seed), 200) for seed in range(3))
SIZES = (0, 20, 90, 300, 900)  # words


def maker(writer=None, **config):
    return Maker(
        config=PairsConfig(**{"per_document": 4, **config}), rule=JUDGE.rule,
        tokenizer_json=TOKENIZER.tokenizer_json, others=OTHERS, writer=writer,
    )  # fmt: skip


def texts(count, seed=0):
    rng = random.Random(seed)
    return ["\n".join(prose(rng, 12) for _ in range(rng.choice(SIZES) // 12)) for _ in range(count)]


def make(maker, some, engine=None, first=0):
    """Rows and counts of a shard whose first row has this number."""
    numbers = pa.array(range(first, first + len(some)), pa.int64())
    rows = pa.table({"_row": numbers, "id": [f"d{n}" for n in numbers], "_judged.text": some})
    shard = Shard("file", first, first + len(some))
    return Making(shard, tokenize(rows, TOKENIZER), maker, Silent()).through(engine)


def ids_of(text, tokenizer):
    return np.asarray(encode(tokenizer, text), np.int32)
