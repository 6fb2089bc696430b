"""The write stage: an actor with one generator turns shards of token ids into shards of pairs."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from rm_ray.corpus.shards import Shard
from rm_ray.engines.engine import EngineSettings
from rm_ray.engines.generate.generator import Generator, Sampling
from rm_ray.engines.start import start_generator
from rm_ray.pairs.making import Maker, Making
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.output.shard_row import pack
from rm_ray.score.engine_actor import EngineActor, Reporter

# Tokens of the answer to a harmless prompt, and of the shortest harmless prompt.
HARMLESS = 8


class WriteActor(EngineActor):
    """Makes pairs with its generator."""

    def __init__(self, settings: EngineSettings, maker_ref: Any, tally: TallyHandle) -> None:
        self._maker: Maker = ray.get(maker_ref)
        super().__init__(settings, tally)

    def start(self) -> Generator:
        """Start a generator."""
        return start_generator(self.settings)

    def work(
        self, span: Shard, documents: pa.Table, engine: Generator, listener: Reporter
    ) -> tuple[list[pa.Table], Mapping[int, str]]:
        """Make the pairs of the documents."""
        rows, counts = Making(span, documents, self._maker, listener).through(engine)
        return [pack(span, rows, counts.to_json())], {}

    def check(
        self, span: Shard, documents: pa.Table, engine: Generator, alive: Callable[[], None]
    ) -> None:
        """Let the generator continue a harmless prompt as long as the suspected document."""
        del span  # only the length of the documents matters
        length = len(documents.column("_ids").combine_chunks().values)
        self._probe(engine, min(length, self.settings.max_prompt_tokens), alive)

    def try_out(self, engine: Generator) -> str | None:
        """Let the generator continue a harmless prompt."""
        self._probe(engine, HARMLESS, lambda: None)
        return None

    def _probe(self, engine: Generator, length: int, alive: Callable[[], None]) -> None:
        """Ask for some tokens after a prompt of one repeated token.

        Raises:
            ArithmeticError: the answer has another number of tokens.
        """
        never = self._maker.writer.never if self._maker.writer else frozenset()
        token = next(number for number in range(len(never) + 1) if number not in never)
        prompt = np.full(max(1, length), token, np.int32)
        engine.add(-1, prompt, Sampling(1.0, 0, HARMLESS))
        while not (answers := engine.step()):
            alive()
        if len(answers[0][1]) != HARMLESS:
            raise ArithmeticError(
                f"{len(answers[0][1])} tokens were drawn after a harmless prompt, not {HARMLESS}"
            )
