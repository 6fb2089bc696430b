"""Rewards of the judge files in jobs/judges/ and of the tiny judge, on stand-in checkpoints.

Use this to check that a change does not move rewards: run it in both checkouts, then compare.

    python -m benchmarks.judge_rewards --corpus FOLDER_OF_PARQUET --output before.json
    python -m benchmarks.judge_rewards --corpus FOLDER_OF_PARQUET --output after.json
    python -m benchmarks.judge_rewards --compare before.json after.json

The stand-ins have the published classes, tokenizers of the published kinds and random weights.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from rm_ray.config import InputConfig
from rm_ray.engines.engine import EngineSettings, answer_all, choose_block_size
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import resolve_model
from rm_ray.judges.families import build_judge
from rm_ray.judges.sections import SECTIONS
from rm_ray.score.fingerprint import fingerprint
from tests import checkpoints
from tests.conftest import ROOT, SHARED, TINY_JUDGE

STAND_INS = {
    "chai-retry-and-continue": lambda folder: checkpoints.gpt2(folder),
    "fineweb-edu-classifier": lambda folder: checkpoints.bert(folder),
    "skywork-reward": lambda folder: checkpoints.qwen3(folder),
    "reward-model-pt": lambda folder: checkpoints.bert(folder),
    "reward-model": lambda folder: checkpoints.reward_model(folder),
    "qrm-llama3.1-8b": lambda folder: checkpoints.quantile(folder),
    "pretrain-rm-baseline-7b": lambda folder: qwen_judge(folder, "Qwen2"),
    "qwen3-reranker": lambda folder: qwen_judge(folder, "Qwen3"),
}
DOCUMENTS = 24


def qwen_judge(folder: Path, kind: str) -> None:
    """Make a tiny language model with Qwen2.5's own tokenizer."""
    import shutil

    import transformers

    shutil.copytree(SHARED / "qwen2.5-tokenizer", folder, dirs_exist_ok=True)
    shape = {key: value for key, value in checkpoints.LLAMA.items() if key != "head_dim"}
    shape |= {"vocab_size": 151_936, "max_position_embeddings": 32_768}
    config = getattr(transformers, f"{kind}Config")(**shape)
    model = getattr(transformers, f"{kind}ForCausalLM")
    checkpoints.seeded(model, config).save_pretrained(folder)


def texts(corpus: Path) -> list[str]:
    """Return documents of each file, cut to the length that a tiny model takes."""
    found: list[str] = []
    for file in sorted(corpus.glob("*.parquet")):
        column = pq.read_table(file, columns=["text"]).column("text").to_pylist()
        found += [text[:3000] for text in column if text][: DOCUMENTS // 4]
    return found


def columns_of(inputs: InputConfig, documents: list[str]) -> dict[str, pa.Array]:
    """Return the documents as the columns that a judge reads."""
    if inputs.prompt and inputs.completion:
        halves = [(text[:200], text[200:]) for text in documents]
        return {
            inputs.prompt: pa.array([first or "a" for first, _ in halves]),
            inputs.completion: pa.array([second or "a" for _, second in halves]),
        }
    return {str(inputs.text): pa.array(documents)}


def judge_all(section: dict[str, Any], inputs: InputConfig, documents: list[str]) -> dict[str, Any]:
    """Return the rewards and the fingerprint, by the engine transformers in float32."""
    config = SECTIONS[section.get("family", "preference")].model_validate(section)
    model = resolve_model(config.model, None, trust_remote_code=config.trust_remote_code)
    tokenizer, judge = build_judge(config, inputs, model)
    engine = EngineConfig(name="transformers", dtype="float32")
    settings = EngineSettings(
        config=engine, model=model, read_out=judge.read_out, gpus=0, threads=2,
        max_prompt_tokens=judge.max_prompt_tokens,
        block_size=choose_block_size(engine, judge.shared_step, on_gpu=False),
    )  # fmt: skip
    tokens = tokenizer.tokenize(columns_of(inputs, documents))
    asked = [
        (document, number, prompt)
        for document, ids in enumerate(tokens.ids)
        for look in judge.looks(ids)
        for number, prompt in zip(look, judge.prompts(ids, look), strict=True)
    ]
    answers = answer_all(start_engine(settings), [prompt for _, _, prompt in asked])
    rewards = []
    for document, ids in enumerate(tokens.ids):
        own = {
            number: answer
            for (owner, number, _), answer in zip(asked, answers, strict=True)
            if owner == document
        }
        rewards.append(judge.verdict(own, len(ids)).reward)
    # a stand-in's weights are drawn again in each run, and its identity is a hash of them
    shown = fingerprint(tokenizer, judge, settings, inputs) | {"model": "stand-in"}
    return {"rewards": rewards, "fingerprint": shown}


def run(corpus: Path, output: Path) -> None:
    """Judge the documents with every judge file and with the tiny judge, and write the rewards."""
    documents = texts(corpus)
    found = {
        "tiny judge": judge_all(
            {"model": str(TINY_JUDGE), "context_tokens": 1024}, InputConfig(path="-"), documents
        )
    }
    for name, make in STAND_INS.items():
        given = yaml.safe_load((ROOT / "jobs" / "judges" / f"{name}.yaml").read_text())
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder))
            more = {"model": folder, "tokenizer": None, "examples": []}
            given.pop("engine", None)
            inputs = InputConfig(path="-", **given.pop("input", {}))
            if "max_tokens" in given:
                longest = resolve_model(
                    folder, None, trust_remote_code=given.get("trust_remote_code", False)
                ).max_tokens
                more["max_tokens"] = min(given["max_tokens"], longest)
            found[name] = judge_all(given | more, inputs, documents)
        print(name, len(found[name]["rewards"]), "documents", flush=True)
    output.write_text(json.dumps(found, indent=1, default=list))


def compare(before: Path, after: Path) -> None:
    """Print the largest difference of rewards, and the differences between fingerprints."""
    first, second = (json.loads(path.read_text()) for path in (before, after))
    for name in first:
        pairs = list(zip(first[name]["rewards"], second[name]["rewards"], strict=True))
        same_gaps = all((a is None) == (b is None) for a, b in pairs)
        largest = max(abs(a - b) for a, b in pairs if a is not None and b is not None)
        one, other = first[name]["fingerprint"], second[name]["fingerprint"]
        keys = [key for key in one | other if one.get(key) != other.get(key)]
        print(
            f"{name}: {len(pairs)} documents, largest difference {largest:.3g}, "
            f"same ones without a reward: {same_gaps}; "
            f"fingerprint: {'differs in ' + ', '.join(keys) if keys else 'the same'}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=SHARED / "corpus")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--compare", type=Path, nargs=2)
    given = parser.parse_args()
    if given.compare:
        compare(*given.compare)
    else:
        run(given.corpus, given.output)


if __name__ == "__main__":
    main()
