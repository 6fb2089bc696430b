"""A real vLLM whose forward pass raises for some text or on demand, as one out of memory would.

Chosen with `--engine.name tests.raising_vllm:RaisingVllm`.
"""

import contextlib
import json
import os
from pathlib import Path

from rm_ray.engines.vllm import VllmEngine
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.judges.plain import plain_tokenizer
from tests.fault_engine import ENVIRONMENT, POISON, RAISE_ONCE, TINY

NAME = "tests.raising_vllm:RaisingVllm"


class RaisingVllm(VllmEngine):
    """Raises when a prompt with the poison in it is run, after vLLM has registered its blocks."""

    def __init__(self, settings):
        super().__init__(settings)
        tokenizer = load_tokenizer(plain_tokenizer((TINY / "tokenizer.json").read_text()))
        folder = Path(json.loads(os.environ.get(ENVIRONMENT, "{}")).get("folder", "/nowhere"))
        executor = self._core.engine_core.model_executor
        execute = executor.execute_model

        def execute_or_raise(scheduled, *args, **kwargs):
            with contextlib.suppress(OSError):
                (folder / RAISE_ONCE).unlink()
                raise RuntimeError("out of memory, for once")
            for request in scheduled.scheduled_new_reqs:
                if POISON["raise"] in tokenizer.decode(list(request.prompt_token_ids)):
                    raise RuntimeError("out of memory, as it were")
            return execute(scheduled, *args, **kwargs)

        executor.execute_model = execute_or_raise
