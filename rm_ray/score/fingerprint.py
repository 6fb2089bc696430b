"""The fingerprint of a run: every setting that a reward depends on, and no other."""

from collections.abc import Mapping
from typing import Any

from rm_ray.config import InputConfig
from rm_ray.corpus.rows import rows_fingerprint
from rm_ray.engines.engine import EngineSettings
from rm_ray.judges.calibration import Calibration
from rm_ray.judges.judge import DocumentTokenizer, Judge


def fingerprint(
    tokenizer: DocumentTokenizer,
    judge: Judge,
    engine: EngineSettings,
    inputs: InputConfig,
    calibration: Calibration | None = None,
) -> dict[str, Any]:
    """List the settings that rewards depend on, by name; runs are compared key by key.

    The model and the tokenizer are named by their content, not by their place.
    """
    return {
        "model": engine.model.identity,
        **tokenizer.fingerprint(),
        **judge.fingerprint(),
        "model dtype": engine.dtype,
        "engine.quantization": engine.config.quantization,
        # the engines that come with rm_ray agree with each other; a user's engine may not
        "engine.name": engine.config.name if ":" in engine.config.name else None,
        "engine.load_format": engine.config.load_format,
        "input.id": inputs.id,
        "input.keep": list(inputs.keep),
        **rows_fingerprint(inputs),
        **({"judge.calibration": calibration.digest} if calibration else {}),
    }


def judge_settings(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the reward of a whole document depends on, by name.

    A stop rule is calibrated for exactly one set of them.
    """
    return {
        name: value
        for name, value in fingerprint.items()
        if not name.startswith(("input.", "judge.adaptive", "judge.calibration"))
    }
