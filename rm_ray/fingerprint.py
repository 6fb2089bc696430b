"""What makes two runs the same judge's: every setting that a reward depends on, and no other."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from rm_ray.config import InputConfig, JudgeConfig
from rm_ray.engines import EngineSettings
from rm_ray.judges.preference import PreferenceJudge


def fingerprint(
    config: JudgeConfig, inputs: InputConfig, judge: PreferenceJudge, engine: EngineSettings
) -> dict[str, Any]:
    """Flat, readable and comparable key by key; model and tokenizer by content, not by name."""
    return {
        "family": "preference",
        "model": engine.model.identity,
        "tokenizer": _digest(judge.tokenizer_json),
        "judge.before_chunk": config.before_chunk,
        "judge.after_chunk": config.after_chunk,
        "judge.chosen": config.chosen,
        "judge.rejected": config.rejected,
        "label_ids": list(judge.label_ids),
        "judge.prompt": config.prompt,
        "judge.chunks": config.chunks,
        "judge.chunks_seed": config.chunks_seed if not judge.chunks.is_all else None,
        "judge.adaptive": asdict(judge.chunks.stop) if judge.chunks.stop else None,
        "judge.chunk_tokens": config.chunk_tokens,
        "judge.context_tokens": config.context_tokens,
        "judge.hop_tokens": config.hop,
        "judge.judge_first_chunk": config.judge_first_chunk,
        "judge.judge_partial_chunk": config.judge_partial_chunk,
        "read-out": "label logits",
        "head dtype": "float32",
        "model dtype": engine.dtype,
        "engine.quantization": engine.config.quantization,
        # the engines that rm_ray brings agree; another one may not
        "engine.name": engine.config.name if ":" in engine.config.name else None,
        "engine.load_format": engine.config.load_format,
        "input.text": inputs.text,
        "input.id": inputs.id,
        "input.keep": list(inputs.keep),
        "input.limit": inputs.limit,
        "input.sample_fraction": inputs.sample_fraction,
        "input.sample_seed": inputs.sample_seed if inputs.sample_fraction < 1 else None,
    }


def fingerprint_id(fingerprint: dict[str, Any]) -> str:
    """A short name of a fingerprint, stored in every part."""
    return _digest(json.dumps(fingerprint, sort_keys=True))


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
