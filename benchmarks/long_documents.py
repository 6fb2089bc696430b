"""The cost of long documents, and the effect of dropped context on their rewards.

    python -m benchmarks.long_documents [--tokens 262144] [--rounds 3] [--fast-cache]

The first table has documents of 1k to 256k tokens, as many as make up `--tokens`, with 8192 tokens
of context and hops to a quarter of it. It shows the forwarded tokens against the exact minimum and
the floor (128 + m + 64 K / (L - K)) / 64, and the host's time per window, as the median of the
rounds. The second table has documents of 16k tokens of real text. It compares the rewards by K with
the rewards with all the text before each chunk.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.bench import documents
from rm_ray.engines.engine import Engine, EngineSettings, answer_all
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import resolve_model
from rm_ray.judges.encoding import encode_all, load_plain
from rm_ray.judges.preference.judge import PreferenceJudge, mean_reward
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.tokens import read_tokenizer

MODEL = str(Path(__file__).parents[1] / "demo" / "tiny_judge")
TOKENIZER = read_tokenizer(MODEL, None)
LENGTHS = (1024, 4096, 16384, 65536, 262144)
CONTEXT = 8192
COMPARED_TOKENS = 15872  # and the markers still fit the tiny judge


@dataclass(frozen=True)
class Cost:
    """The cost of documents of one length."""

    tokens: int
    """Tokens per document."""
    windows: int
    """Number of windows."""
    seconds: float
    """Seconds of the whole scoring."""
    forwarded_per_token: float
    """Forwarded tokens per document token."""
    over_minimum: float
    """Forwarded tokens over the exact minimum."""
    floor: float
    """Forwarded tokens per document token, in the limit of long documents."""
    host_us: float
    """Time of the host per window, in microseconds."""
    outside_us: float
    """Time outside the engine per window, in microseconds."""


def judge_of(context: int, hop: int | None = None) -> PreferenceJudge:
    """Return the tiny judge with this many tokens of context."""
    config = PreferenceConfig(model=MODEL, context_tokens=context, hop_tokens=hop)
    return PreferenceJudge.of(config, TOKENIZER)


def engine_of(judge: PreferenceJudge, threads: int, *, fast_cache: bool = False) -> Engine:
    """Start one engine, in this process."""
    settings = EngineSettings(
        config=EngineConfig(dtype="bfloat16", fast_cache=fast_cache),
        model=resolve_model(MODEL, None),
        read_out=judge.read_out,
        max_prompt_tokens=judge.max_prompt_tokens,
        block_size=judge.rule.chunk,
        gpus=0,
        threads=threads,
    )
    os.environ.update(settings.environment())
    return start_engine(settings)


def cost(length: int, total: int, seed: int, judge: PreferenceJudge, engine: Engine) -> Cost:
    """Measure documents of random tokens; no two share a prefix, also across calls of other
    seeds.
    """
    rng = np.random.default_rng((length, total, seed))
    texts = [rng.integers(50, 1000, length, np.int32) for _ in range(max(1, total // length))]
    before = asdict(engine.counts)
    began = time.perf_counter()
    answer_all(engine, (prompt for ids in texts for prompt in judge.prompts(ids)))
    seconds = time.perf_counter() - began
    spent = {name: value - before[name] for name, value in asdict(engine.counts).items()}
    minimum = len(texts) * judge.exact_minimum(length)
    rule, m = judge.rule, judge.marker_tokens
    hops = rule.chunk * rule.hop / (rule.context - rule.hop) if length > rule.context else 0
    return Cost(
        tokens=length,
        windows=spent["prompts"],
        seconds=seconds,
        forwarded_per_token=spent["forwarded_tokens"] / (len(texts) * length),
        over_minimum=spent["forwarded_tokens"] / minimum,
        floor=(2 * rule.chunk + m + hops) / rule.chunk,
        host_us=(seconds - spent["model_seconds"]) / spent["prompts"] * 1e6,
        outside_us=(seconds - spent["step_seconds"]) / spent["prompts"] * 1e6,
    )


def median(costs: Sequence[Cost]) -> Cost:
    """Return the cost with the median time of the host."""
    return sorted(costs, key=lambda cost: cost.host_us)[len(costs) // 2]


def long_texts() -> list[np.ndarray]:
    """Join real texts to documents of COMPARED_TOKENS."""
    ids = np.concatenate(encode_all(load_plain(TOKENIZER.json), documents(40)))
    return [ids[i : i + COMPARED_TOKENS] for i in range(0, len(ids), COMPARED_TOKENS)][:6]


def rewards(texts: list[np.ndarray], judge: PreferenceJudge, engine: Engine) -> np.ndarray:
    """Return the chunk rewards [documents, chunks]."""
    prompts = (prompt for ids in texts for prompt in judge.prompts(ids))
    answers = iter(answer_all(engine, prompts))
    return np.array([[judge.chunk_reward(next(answers)) for _ in judge.judgeable(len(ids))]
                     for ids in texts])  # fmt: skip


def hop_table(threads: int) -> list[dict[str, float]]:
    """Return the table of how far rewards move from full context, by the context kept at a hop."""
    full = judge_of(COMPARED_TOKENS)
    engine = engine_of(full, threads)
    texts = [ids for ids in long_texts() if len(ids) == COMPARED_TOKENS]
    whole = rewards(texts, full, engine)
    means = np.array([mean_reward(row) for row in whole])
    print(f"\n{len(texts)} documents of {COMPARED_TOKENS:,} tokens of real text; their rewards' "
          f"standard deviation {means.std():.3f}, their chunks' {whole.std():.3f}\n\n"
          "| K | forwarded per token | a reward moves by, mean and largest | a chunk's, mean |\n"
          "| ---: | ---: | ---: | ---: |")  # fmt: skip
    found = []
    for hop in (0, CONTEXT // 8, CONTEXT // 4, CONTEXT // 2, 3 * CONTEXT // 4):
        judge = judge_of(CONTEXT, hop)
        some = rewards(texts, judge, engine)
        moved = np.abs(np.array([mean_reward(row) for row in some]) - means)
        per_token = judge.exact_minimum(COMPARED_TOKENS) / COMPARED_TOKENS
        found.append({"K": hop, "per_token": per_token, "mean": moved.mean(),
                      "largest": moved.max(), "chunk": np.abs(some - whole).mean()})  # fmt: skip
        print(f"| {hop} | {per_token:.3f} | {moved.mean():.4f}, {moved.max():.4f} | "
              f"{np.abs(some - whole).mean():.4f} |", flush=True)  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=262144)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fast-cache", action="store_true")
    options = parser.parse_args()
    judge = judge_of(CONTEXT)
    engine = engine_of(judge, options.threads, fast_cache=options.fast_cache)
    # the first step is slow, and a full cache is slower than an empty one
    cost(1024, options.tokens, options.rounds, judge, engine)
    rounds = [
        [cost(length, options.tokens, seed, judge, engine) for length in LENGTHS]
        for seed in range(options.rounds)
    ]
    print("| tokens | windows | seconds | forwarded per token | over the exact minimum | floor "
          "| host us a window | of these outside steps |\n"
          "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")  # fmt: skip
    costs = [median(found) for found in zip(*rounds, strict=True)]
    for c in costs:
        print(f"| {c.tokens} | {c.windows} | {c.seconds:.1f} | {c.forwarded_per_token:.3f} | "
              f"{c.over_minimum:.4f} | {c.floor:.3f} | {c.host_us:.0f} | {c.outside_us:.0f} |",
              flush=True)  # fmt: skip
    hops = hop_table(options.threads)
    out = Path("outputs/bench")
    out.mkdir(parents=True, exist_ok=True)
    data = {"costs": [asdict(c) for c in costs], "hops": hops}
    (out / "long_documents.json").write_text(json.dumps(data, indent=1))


if __name__ == "__main__":
    main()
