"""Make the random choices of each pair, from the seed, the file, the row and the pair's number.

The choices do not depend on the shard, on the machine or on retries. Pure functions.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rm_ray.judges.preference.windows import WindowRule, judgeable
from rm_ray.pairs.config import GENERATED, PairsConfig
from rm_ray.pairs.table import TRAIN, VALIDATION, ContextKind, Extent


@dataclass(frozen=True)
class Draw:
    """A Draw holds the random choices of a pair, made before its chunk is made worse."""

    number: int
    """Number of the pair in its document."""
    chunk: int
    """Number of the chunk in the document."""
    kind: str
    """Kind of the pair: the way to make the chunk worse."""
    extent: Extent
    """`all` to make the whole chunk worse, `part` to keep its beginning."""
    context: ContextKind
    """`clean` to keep the context, `broken` to make it worse too."""
    temperature: float | None
    """Sampling temperature of the generator; None for kinds without one."""
    seed: int
    """Seed of the pair: 63 bits."""

    def try_seed(self, attempt: int) -> int:
        """Return the seed of one try to make the chunk worse, 63 bits."""
        return hashed(self.seed, "try", attempt)


def hashed(*parts: object) -> int:
    """Hash some values to 63 bits, the same on every machine."""
    named = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(named, digest_size=8).digest(), "big") >> 1


def split_of(config: PairsConfig, file: str, row: int) -> str:
    """Return the split of a document and of all its pairs; `pairs.seed` has no say in it."""
    drawn = hashed("split", config.split_seed, file, row) / 2**63
    return VALIDATION if drawn < config.validation_fraction else TRAIN


def whole_chunks(n_tokens: int, rule: WindowRule, config: PairsConfig) -> range:
    """Return the numbers of the chunks of a document that may be taken: only whole chunks."""
    can = judgeable(n_tokens, rule)
    last = n_tokens // rule.chunk - 1
    if config.last_chunk is not None:
        last = min(last, config.last_chunk)
    return range(max(can.start, config.first_chunk), last + 1)


def places(chunks: Sequence[int], count: int, seed: int) -> list[int]:
    """Choose distinct chunks, ascending: a random one from each of `count` equal stretches."""
    rng = random.Random(seed)
    count = min(count, len(chunks))
    cuts = [len(chunks) * i // count for i in range(count + 1)] if count else []
    return [chunks[rng.randrange(a, b)] for a, b in pairwise(cuts)]


def draws(config: PairsConfig, rule: WindowRule, file: str, row: int, n_tokens: int) -> list[Draw]:
    """Draw the pairs of a document of `n_tokens`, in the order of their chunks."""
    chunks = whole_chunks(n_tokens, rule, config)
    at = places(chunks, config.per_document, hashed("places", config.seed, file, row))
    return [
        _draw(config, number, chunk, hashed("pair", config.seed, file, row, number))
        for number, chunk in enumerate(at)
    ]


def _draw(config: PairsConfig, number: int, chunk: int, seed: int) -> Draw:
    rng = random.Random(seed)
    weights = config.weights
    (kind,) = rng.choices(list(weights), list(weights.values()))
    in_part, in_broken = rng.random(), rng.random()
    temperature = rng.choice(config.temperatures)
    return Draw(
        number=number,
        chunk=chunk,
        kind=kind,
        extent="part" if in_part < config.part_fraction else "all",
        context="broken" if chunk and in_broken < config.broken_fraction else "clean",
        temperature=temperature if kind in GENERATED else None,
        seed=seed,
    )
