"""What makes two runs the same judge's: every setting that a reward depends on, and no other."""

from typing import Any

from rm_ray.config import InputConfig
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
    """Flat, readable and comparable key by key; model and tokenizer by content, not by name."""
    return {
        "model": engine.model.identity,
        **tokenizer.fingerprint(),
        **judge.fingerprint(),
        "model dtype": engine.dtype,
        "engine.quantization": engine.config.quantization,
        # the engines that rm_ray brings agree; another one may not
        "engine.name": engine.config.name if ":" in engine.config.name else None,
        "engine.load_format": engine.config.load_format,
        "input.id": inputs.id,
        "input.keep": list(inputs.keep),
        "input.sample_fraction": inputs.sample_fraction,
        "input.sample_seed": inputs.sample_seed if inputs.sample_fraction < 1 else None,
        **({"judge.calibration": calibration.digest} if calibration else {}),
    }
