"""The fingerprint of a run: exactly the settings that its pairs depend on."""

from typing import Any

from rm_ray.config import InputConfig
from rm_ray.corpus.rows import rows_fingerprint
from rm_ray.engines.engine import EngineSettings
from rm_ray.judges.judge import DocumentTokenizer
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.pairs.config import CONTINUED, REWRITTEN, PairsConfig
from rm_ray.pairs.worsen.kinds import WORSENED

# Increased when a kind makes other text from the same seed.
KINDS_VERSION = 1


def fingerprint(
    tokenizer: DocumentTokenizer,
    judge: PreferenceConfig,
    pairs: PairsConfig,
    engine: EngineSettings | None,
    inputs: InputConfig,
) -> dict[str, Any]:
    """Return the settings, flat and comparable key by key.

    Models and the tokenizer are described by their content, not by their names.
    """
    weights = pairs.weights
    settings = {
        **tokenizer.fingerprint(),
        "judge.chunk_tokens": judge.chunk_tokens,
        "judge.context_tokens": judge.context_tokens,
        "judge.hop_tokens": judge.hop,
        "judge.judge_first_chunk": judge.judge_first_chunk,
        "pairs.per_document": pairs.per_document,
        "pairs.seed": pairs.seed,
        "pairs.kinds": {name: round(share, 9) for name, share in weights.items()},
        "pairs.part_fraction": pairs.part_fraction,
        "pairs.broken_fraction": pairs.broken_fraction,
        "pairs.validation_fraction": pairs.validation_fraction,
        **_split_seed(pairs),
        "pairs.first_chunk": pairs.first_chunk,
        "pairs.last_chunk": pairs.last_chunk,
        "kinds version": KINDS_VERSION if WORSENED.keys() & weights.keys() else None,
        "input.id": inputs.id,
        "input.keep": list(inputs.keep),
        **rows_fingerprint(inputs),
    }
    if engine is None:
        return settings
    return settings | {
        "generator": engine.model.identity,
        "generator dtype": engine.dtype,
        "engine.quantization": engine.config.quantization,
        "engine.name": engine.config.name if ":" in engine.config.name else None,
        "engine.load_format": engine.config.load_format,
        "pairs.temperatures": list(pairs.temperatures),
        **({"pairs.rewrite": list(pairs.rewrite)} if REWRITTEN in weights else {}),
        "continued": CONTINUED in weights,
    }


def _split_seed(pairs: PairsConfig) -> dict[str, int]:
    """Return the seed of the split, for runs whose split does not go by `pairs.seed`.

    Until 0.9 the split went by `pairs.seed`. A run of 0.9 goes on if its split stays the same.
    """
    return {"pairs.split_seed": pairs.split_seed} if pairs.split_seed != pairs.seed else {}
