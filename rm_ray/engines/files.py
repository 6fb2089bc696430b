"""Refuses a model's folder that engines would misread, by the names of the files in it."""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from rm_ray.engines.fetch import ADAPTER_CONFIG, is_adapter, is_weights
from rm_ray.errors import JudgeError, short

log = logging.getLogger(__name__)

CONVERT = (
    'python -c "import glob, torch; from safetensors.torch import save_file; '
    "[save_file({{k: v.clone() for k, v in torch.load(f, weights_only=True).items()}}, "
    "f[:-4] + '.safetensors', {{'format': 'pt'}}) for f in glob.glob('{}/*.bin')]\""
)
MERGE = (
    "python -c \"from peft import {0}; {0}.from_pretrained('{1}').merge_and_unload()"
    ".save_pretrained('MERGED')\""
)
# peft's class for each task type of an adapter.
MERGING = {
    "CAUSAL_LM": "AutoPeftModelForCausalLM",
    "SEQ_CLS": "AutoPeftModelForSequenceClassification",
    "SEQ_2_SEQ_LM": "AutoPeftModelForSeq2SeqLM",
}


def check_files(name: str, there: Collection[str], folder: str, read: Callable[[], bytes]) -> None:
    """Refuse a folder that holds no model, or holds an adapter.

    Args:
        name: the model's name.
        there: the names of all files in the folder.
        folder: the folder's path, as it is written into the commands that errors show.
        read: returns the content of adapter_config.json; called only if the folder has that file.

    Raises:
        JudgeError: with a way to go on.
    """
    check_no_adapter(name, there, folder, read)
    if "config.json" not in there:
        raise JudgeError(f"judge.model: the folder {name} has no config.json")
    check_has_weights(name, there, folder)


def check_no_adapter(
    name: str, there: Collection[str], folder: str, read: Callable[[], bytes]
) -> None:
    """Refuse an adapter, alone or beside weights, since engines would ignore it silently.

    Raises:
        JudgeError: with the command that merges the adapter into its model.
    """
    if not (adapter := sorted(filter(is_adapter, there))):
        return
    config = _adapter_config(read) if ADAPTER_CONFIG in there else {}
    kind = str(config.get("peft_type") or "")
    if "PROMPT" in kind or "TUNING" in kind:
        raise JudgeError(
            f"judge.model: {name} has an adapter ({adapter[0]}) of the kind {kind}; no engine runs "
            "it, and it cannot be merged into weights; give a model without it"
        )
    task = str(config.get("task_type") or "")
    merge = MERGE.format(MERGING.get(task, "AutoPeftModel"), folder)
    raise JudgeError(
        f"judge.model: {name} has an adapter ({adapter[0]}), which no engine applies; merge it "
        f"into its model, with the package peft installed: {merge}, copy the tokenizer's files "
        "into MERGED, and give --judge.model MERGED (or move the adapter away, if the model is "
        "meant without it)"
    )


def check_has_weights(name: str, there: Collection[str], folder: str) -> None:
    """Refuse a model without weights in safetensors, the only format that is loaded.

    Raises:
        JudgeError: with the command that converts pickled weights.
    """
    if not any(is_weights(file) for file in there):
        raise JudgeError(_say_no_weights(name, there, folder))


def check_model_type(name: str, config: Mapping[str, Any]) -> None:
    """Refuse a config without a model type, since some libraries would guess the type.

    Raises:
        JudgeError: with the keys to write into the config.
    """
    if not config.get("model_type") and "AutoConfig" not in config.get("auto_map", {}):
        raise JudgeError(
            f"judge.model: the config.json of {name} does not say what kind of model it is (it has "
            "no model_type), and the kind is never guessed; if it is one of transformers' own, "
            "write its model_type and architectures into the config.json of a local copy"
        )


def _adapter_config(read: Callable[[], bytes]) -> dict[str, object]:
    """Return the content of adapter_config.json, or {} if it cannot be read."""
    try:
        config = json.loads(read())
    except Exception as error:  # noqa: BLE001 - store, hub or JSON: the adapter is refused anyway
        log.debug("cannot read %s: %s", ADAPTER_CONFIG, short(error))
        return {}
    return config if isinstance(config, dict) else {}


def _say_no_weights(name: str, files: Iterable[str], folder: str) -> str:
    pickled = [file for file in files if file.endswith((".bin", ".pt", ".pth"))]
    if not pickled:
        return f"judge.model: {name} has no .safetensors weights"
    return (
        f"judge.model: the weights of {name} are pickled ({pickled[0]}), and loading a pickle can "
        f"run any code in it; convert them in {folder}: {CONVERT.format(folder)}"
    )
