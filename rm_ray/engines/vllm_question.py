"""vLLM itself is asked, in a short process of its own, whether it takes a model.

As a module this is that process: arguments of an engine come as JSON, and what vLLM says against
them goes out. No weights are loaded: the model is built without memory for them.
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
# What vLLM 0.32 says where it does not take a model. Anything else may be of this machine alone, as
# what its processor lacks.
CLEAR = re.compile(
    r"(?i)architectures? .*(not supported|failed to be inspected)|no module named|head sizes"
    r"|no vLLM implementation|quantization|failed to find a kernel|weight_bits"
)
OF_THIS_MACHINE = re.compile(r"AMX|AVX")
# Of what it says, lists are of no use in a sentence.
LISTS = re.compile(r"(?i)\.? *(supported architectures|must be one of|for further information).*")


def vllm_objects(settings: EngineSettings) -> str | None:
    """Why vLLM does not take a model, in its own words; None where it does, or cannot say here."""
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
        said = str(json.loads(done.stdout.splitlines()[-1]) or "")
    except Exception as error:  # noqa: BLE001 - a question that fails never blocks a run
        log.debug("vLLM cannot be asked about %s: %s", settings.model.name, short(error))
        return None
    if not said:
        return None
    if not CLEAR.search(said) or OF_THIS_MACHINE.search(said):
        log.debug("vLLM says of %s, which may be of this machine: %s", settings.model.name, said)
        return None
    return LISTS.sub("", said)


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
    """What vLLM says against the arguments of an engine."""
    from vllm.engine.arg_utils import EngineArgs

    on_gpu = question.pop("on_gpu")
    try:
        arguments = EngineArgs(**question)
        if on_gpu:  # the driver may have none
            arguments.create_model_config()
        else:
            _build(arguments.create_engine_config())
    except Exception as error:  # noqa: BLE001 - whatever vLLM raises
        return re.sub(r"^\d+ validation error.* Value error, ", "", short(error))
    return None


def _build(config: Any) -> None:
    """Build the model without its weights: attention and quantised layers look for their kernels.

    Raises:
        Exception: of vLLM, which has none; ValueError for heads that attention does not take.
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
