"""Small engines on CPUs, prompts for them, and the numbers that transformers alone gives."""

import os

import numpy as np
import torch

from rm_ray.engines.engine import EngineSettings, answer_all
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import resolve_model

LENGTHS = (5, 63, 64, 17, 128, 1, 100, 32)


def settings_of(name, folder, read_out, longest, **changes):
    config = EngineConfig(**{
        "name": name, "dtype": "float32", "max_batch_tokens": 256, "max_batch_windows": 4,
        "kv_cache_gb": 0.05, **changes,
    })  # fmt: skip
    settings = EngineSettings(
        config=config, model=resolve_model(str(folder), None, trust_remote_code=True),
        read_out=read_out, max_prompt_tokens=longest, block_size=32, gpus=0, threads=2,
    )  # fmt: skip
    os.environ.update(settings.environment())
    return settings


def engine_of(name, folder, read_out, longest, **changes):
    return start_engine(settings_of(name, folder, read_out, longest, **changes))


def some_prompts(first, stop, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(first, stop, length).astype(np.int32) for length in LENGTHS]


def check_neighbours(engine, prompts):
    """Ask prompts alone, together and backwards: the numbers, which are the same."""
    found = np.stack([answer_all(engine, [prompt])[0] for prompt in prompts])
    together = np.stack(answer_all(engine, prompts))
    backwards = np.stack(answer_all(engine, prompts[::-1]))[::-1]
    assert np.abs(together - found).max() < 1e-5 and np.abs(backwards - found).max() < 1e-5
    return found


def alone(model, prompts):
    """What transformers makes of each prompt by itself."""
    with torch.no_grad():
        return np.stack([
            model(torch.from_numpy(one)[None].long(), attention_mask=torch.ones(1, len(one)))
            .logits[0].numpy()
            for one in prompts
        ])  # fmt: skip
