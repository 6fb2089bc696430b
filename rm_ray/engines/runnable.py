"""Refuses models that an engine would not run as their authors do, before an engine starts."""

from collections.abc import Callable, Mapping
from typing import Any

from rm_ray.engines.config_parts import original_length, parts_of, text_part
from rm_ray.engines.engine import EngineSettings
from rm_ray.engines.heads import IN_VLLM, QUANTILE, WAY_ON, check_engine_runs, quantization_of
from rm_ray.engines.read_outs import QuantileHeads, ReadOut
from rm_ray.engines.vllm_question import vllm_objects
from rm_ray.engines.weights import Model
from rm_ray.errors import ConfigError, JudgeError

# vLLM is not asked about these architectures, which our tests run in it, if attention heads have
# a usual size.
TRIED = (*IN_VLLM, QUANTILE, "Qwen2ForCausalLM", "Qwen3ForCausalLM")
USUAL_HEADS = (32, 64, 80, 96, 128, 256)


# Takes a number of tokens, and returns the key with a value that makes prompts shorter by that
# many; "" if no key does.
Shorten = Callable[[int], str]


def check_runs(settings: EngineSettings, shorten: Shorten) -> None:
    """Refuse a model that the engine does not run, or does not run as its authors do.

    Args:
        settings: the engine's settings.
        shorten: returns the key and value that take some tokens off the longest prompt.

    Raises:
        ConfigError: with a way to go on.
        JudgeError: the longest prompt and its answer do not fit into the model.
    """
    _check_length(settings, shorten)
    check_engine_runs(settings.read_out, settings.model, settings.config.name)
    check_split(settings.processes, settings.read_out, settings.model)
    if settings.config.name == "vllm":
        _check_positions(settings, shorten)
        _ask_vllm(settings)


def _check_length(settings: EngineSettings, shorten: Shorten) -> None:
    """Refuse a judge whose longest prompt leaves no room for its answer."""
    model, answer = settings.model, settings.read_out.answer_tokens
    longest = settings.max_prompt_tokens + answer
    if longest > model.max_tokens:
        less = shorten(longest - model.max_tokens)
        raise JudgeError(
            f"the model takes {model.max_tokens} tokens, and the longest prompt with its answer "
            f"has {longest}; give {less or 'a judge with shorter prompts'}"
        )


def _check_positions(settings: EngineSettings, shorten: Shorten) -> None:
    """Refuse longrope models whose factors vLLM would choose once for all prompts.

    vLLM takes the long factors for all prompts of an engine if its longest prompt, with the token
    that a language model adds, passes the original length. transformers takes them only for the
    prompts that pass it.
    """
    model = settings.model
    longest = settings.max_prompt_tokens + settings.read_out.answer_tokens
    original = original_length(model.config)
    if original is None or longest <= original or not _factors_differ(model.config):
        return
    less = shorten(longest - original)
    raise ConfigError(
        f"{model.name} rotates positions in another way in prompts of more than {original} tokens "
        f"(longrope), and vLLM would do so in all prompts, since one may have {longest} tokens "
        f"with its answer; give {less + ', or ' if less else ''}--engine.name transformers"
    )


def _factors_differ(config: Mapping[str, Any]) -> bool:
    ropes = [part for part in parts_of(config) if part.get("rope_type") == "longrope"]
    return any(
        rope.get("short_factor") != rope.get("long_factor")
        or rope.get("short_mscale") != rope.get("long_mscale")
        for rope in ropes
    )


def _ask_vllm(settings: EngineSettings) -> None:
    """Ask vLLM about a model that our tests do not run in it. This takes about ten seconds."""
    model = settings.model
    usual = settings.on_gpu or head_size(model.config) in USUAL_HEADS
    tried = model.architecture in TRIED and usual and not quantization_of(model.config)
    if tried or isinstance(settings.read_out, QuantileHeads):
        return
    if reason := vllm_objects(settings):
        raise ConfigError(
            f"vLLM does not run {model.name} here, a {model.architecture} in {settings.dtype}: "
            f"{reason}; {_instead(model, settings.on_gpu)}"
        )


def _instead(model: Model, on_gpu: bool) -> str:
    if not quantization_of(model.config):
        return WAY_ON
    return f"give {'' if on_gpu else 'GPUs (--pool.gpus 1), or '}weights that are not quantised"


def head_size(config: Mapping[str, Any]) -> int:
    """Return the numbers of one attention head, 0 if the config does not say."""
    text = text_part(config)
    width = int(text.get("hidden_size") or text.get("n_embd") or 0)
    heads = int(text.get("num_attention_heads") or text.get("n_head") or 0)
    return int(text.get("head_dim") or (width // heads if heads else 0))


def check_split(processes: int, read_out: ReadOut, model: Model) -> None:
    """Refuse to split a model over a number of processes that its attention heads do not allow.

    Raises:
        ConfigError: with a way to go on.
    """
    if processes == 1:
        return
    if isinstance(read_out, QuantileHeads):
        raise ConfigError(
            f"{model.name} is asked to run on {processes} GPUs, and a quantile judge runs on one; "
            "give --pool.gpus 1, and --pool.max_actors for more engines"
        )
    heads = int(model.config.get("num_attention_heads") or model.config.get("n_head") or 0)
    # if there are fewer than processes, vLLM repeats them
    keys = int(model.config.get("num_key_value_heads") or heads)
    if heads % processes or (keys % processes and processes % keys):
        raise ConfigError(
            f"the {heads} attention heads of {model.name}, {keys} of keys and values, cannot be "
            f"divided among {processes} processes (pool.gpus, engine.tensor_parallel); give a "
            "number that divides them"
        )
