"""What an engine does not run as a model's authors do: it is refused before an engine starts."""

from collections.abc import Callable, Mapping
from typing import Any

from rm_ray.engines.engine import EngineSettings
from rm_ray.engines.heads import IN_VLLM, QUANTILE, WAY_ON, check_engine_runs, quantization_of
from rm_ray.engines.longrope import original_length
from rm_ray.engines.read_outs import QuantileHeads, ReadOut
from rm_ray.engines.vllm_question import vllm_objects
from rm_ray.engines.weights import Model
from rm_ray.errors import ConfigError, JudgeError

# What tests run in vLLM is not asked about, where attention heads have a usual size.
TRIED = (*IN_VLLM, QUANTILE, "Qwen2ForCausalLM", "Qwen3ForCausalLM")
USUAL_HEADS = (32, 64, 80, 96, 128, 256)


# The key that makes prompts shorter, with a value that does so by a number of tokens; "" for none.
Shorten = Callable[[int], str]


def check_runs(settings: EngineSettings, shorten: Shorten) -> None:
    """Refuse a model that the engine does not run, or reads as another one.

    Args:
        shorten: says how the longest prompt loses so many tokens.

    Raises:
        ConfigError: with what to do.
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
    """Refuse rotary embeddings for which vLLM decides once what transformers does for each prompt.

    vLLM takes longrope's long factors for all prompts of an engine if its longest, with the token
    that a language model adds, passes the original length; transformers, for each that does.
    """
    model = settings.model
    longest = settings.max_prompt_tokens + settings.read_out.answer_tokens
    original = original_length(model.config)
    if original is None or longest <= original or not _factors_differ(model.config):
        return
    less = shorten(longest - original)
    raise ConfigError(
        f"{model.name} turns the positions of prompts of more than {original} tokens in another "
        f"way (longrope), and vLLM would do so with all prompts, since one may have {longest} with "
        f"its answer; give {less + ', or ' if less else ''}--engine.name transformers"
    )


def _ropes(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rotary embeddings that a config describes, wherever in it."""
    inner = [value for value in config.values() if isinstance(value, Mapping)]
    found = [config] if "rope_type" in config else []
    return found + [rope for one in inner for rope in _ropes(one)]


def _factors_differ(config: Mapping[str, Any]) -> bool:
    ropes = [rope for rope in _ropes(config) if rope["rope_type"] == "longrope"]
    return any(
        rope.get("short_factor") != rope.get("long_factor")
        or rope.get("short_mscale") != rope.get("long_mscale")
        for rope in ropes
    )


def _ask_vllm(settings: EngineSettings) -> None:
    """Ask vLLM about what no test of ours runs in it; takes about ten seconds."""
    model = settings.model
    usual = settings.on_gpu or _head_size(model.config) in USUAL_HEADS
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


def _head_size(config: Mapping[str, Any]) -> int:
    """Numbers of one attention head, 0 where a config does not say."""
    text = config.get("text_config") or config
    width = int(text.get("hidden_size") or text.get("n_embd") or 0)
    heads = int(text.get("num_attention_heads") or text.get("n_head") or 0)
    return int(text.get("head_dim") or (width // heads if heads else 0))


def check_split(processes: int, read_out: ReadOut, model: Model) -> None:
    """Refuse to split a model over processes that it does not divide by.

    Raises:
        ConfigError: with what would do.
    """
    if processes == 1:
        return
    if isinstance(read_out, QuantileHeads):
        raise ConfigError(
            f"{model.name} is asked to run on {processes} GPUs, and a quantile judge runs on one; "
            "give --pool.gpus 1, and --pool.max_actors for more engines"
        )
    heads = int(model.config.get("num_attention_heads") or model.config.get("n_head") or 0)
    keys = int(model.config.get("num_key_value_heads") or heads)  # fewer than processes: repeated
    if heads % processes or (keys % processes and processes % keys):
        raise ConfigError(
            f"the {heads} attention heads of {model.name}, {keys} of keys and values, cannot be "
            f"divided among {processes} processes (pool.gpus, engine.tensor_parallel); give a "
            "number that divides them"
        )
