"""Asks vLLM itself, in a short process of its own, if it takes a model.

Run as a module, this file is that process: it reads an engine's arguments as JSON, and writes
vLLM's objection to them. No weights are loaded: the model is built without memory for them.
"""

import json
import logging
import os
import re
import subprocess
import sys
from typing import Any

from rm_ray.engines.engine import EngineSettings
from rm_ray.engines.read_outs import DrawnTokens, LabelLogits
from rm_ray.engines.weights import place_model
from rm_ray.errors import short

log = logging.getLogger(__name__)

LONGEST_S = 180.0
# Messages of vLLM 0.32 that refuse a model. Any other message may be about this machine alone, for
# example about its processor.
CLEAR = re.compile(
    r"(?i)architectures? .*(not supported|failed to be inspected)|no module named|head sizes"
    r"|no vLLM implementation|quantization|failed to find a kernel|weight_bits"
)
OF_THIS_MACHINE = re.compile(r"AMX|AVX")
# Long lists in vLLM's messages, which are left out.
LISTS = re.compile(r"(?i)\.? *(supported architectures|must be one of|for further information).*")


def vllm_objects(settings: EngineSettings) -> str | None:
    """Return vLLM's reason not to take a model; None if it takes it, or cannot say here."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__],
            input=json.dumps(_arguments(settings) | {"on_gpu": settings.on_gpu}),
            env=os.environ | settings.environment() | {"HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=True,
        )
        reason = str(json.loads(done.stdout.splitlines()[-1]) or "")
    except Exception as error:  # noqa: BLE001 - a question that fails never blocks a run
        log.debug("vLLM cannot be asked about %s: %s", settings.model.name, short(error))
        return None
    if not reason:
        return None
    if not CLEAR.search(reason) or OF_THIS_MACHINE.search(reason):
        log.debug("vLLM refuses %s, maybe only on this machine: %s", settings.model.name, reason)
        return None
    return LISTS.sub("", reason)


def _arguments(settings: EngineSettings) -> dict[str, Any]:
    config = settings.config
    model = place_model(settings.model, config.weights_folder, weights=False)
    return {
        "model": model.place,
        "config_format": "hf",
        "skip_tokenizer_init": True,
        "dtype": settings.dtype,
        "quantization": config.quantization,
        "runner": "generate"
        if isinstance(settings.read_out, LabelLogits | DrawnTokens)
        else "pooling",
        "enforce_eager": True,
    }


def _ask(question: dict[str, Any]) -> str | None:
    """Return vLLM's objection to the arguments of an engine; None if it has none."""
    from vllm.engine.arg_utils import EngineArgs

    on_gpu = question.pop("on_gpu")
    try:
        arguments = EngineArgs(**question)
        if on_gpu:  # the driver may have no GPU to build the model for
            arguments.create_model_config()
        else:
            _build(arguments.create_engine_config())
    except Exception as error:  # noqa: BLE001 - whatever vLLM raises
        return re.sub(r"^\d+ validation error.* Value error, ", "", short(error))
    return None


def _build(config: Any) -> None:
    """Build the model without its weights, so that its layers look for their kernels.

    Raises:
        Exception: any of vLLM, if it has no kernel.
        ValueError: attention does not take the size of the model's heads.
    """
    import torch
    from vllm.config import set_current_vllm_config
    from vllm.distributed import ensure_model_parallel_initialized, init_distributed_environment
    from vllm.model_executor.model_loader.utils import initialize_model
    from vllm.utils.network_utils import get_open_port

    with set_current_vllm_config(config):
        place = f"tcp://127.0.0.1:{get_open_port()}"
        init_distributed_environment(1, 0, place, 0, "gloo")
        ensure_model_parallel_initialized(1, 1)
        torch.set_default_dtype(config.model_config.dtype)
        with torch.device("meta"):
            initialize_model(vllm_config=config)
    for layer in config.compilation_config.static_forward_context.values():
        backend = getattr(layer, "attn_backend", None)
        if backend is not None and not backend.supports_head_size(layer.head_size):
            sizes = ", ".join(map(str, backend.get_supported_head_sizes()))
            raise ValueError(
                f"its attention heads have {layer.head_size} numbers, and the head sizes of "
                f"{backend.get_name()} are {sizes}"
            )


if __name__ == "__main__":
    print(json.dumps(_ask(json.load(sys.stdin))))
