"""Which heads are known: what a checkpoint says of its own, checked before an engine starts."""

from rm_ray.engines.read_outs import ClassLogits, QuantileHeads, ReadOut
from rm_ray.engines.weights import OWN_CODE, Model
from rm_ray.errors import ConfigError, JudgeError

# Sequence classifiers whose head is a linear layer `score`, read at the last token, ...
CAUSAL = (
    "GPT2ForSequenceClassification",
    "LlamaForSequenceClassification",
    "MistralForSequenceClassification",
    "Qwen2ForSequenceClassification",
    "Qwen3ForSequenceClassification",
    "Gemma2ForSequenceClassification",
)
# ... and those that see a prompt at once, with a head `classifier`. All of them are tested.
ENCODERS = (
    "BertForSequenceClassification",
    "RobertaForSequenceClassification",
    "XLMRobertaForSequenceClassification",
    "DebertaV2ForSequenceClassification",
    "ElectraForSequenceClassification",
    "DistilBertForSequenceClassification",
    "ModernBertForSequenceClassification",
)
# Of these, vLLM 0.32 gives the numbers that transformers gives.
IN_VLLM = (
    "GPT2ForSequenceClassification",
    "BertForSequenceClassification",
    "LlamaForSequenceClassification",
    "Qwen2ForSequenceClassification",
    "Qwen3ForSequenceClassification",
)
QUANTILE = "LlamaForRewardModelWithGating"
# What the weights of a head are called: how their names begin, and parts of a language model's.
QUANTILE_WEIGHTS = ("regression_layer.", "reward_transform_matrix", "gating.")
LANGUAGE_HEADS = {"lm_head", "embed_out", "output_layer", "output"}


def class_labels(model: Model) -> int:
    """How many labels a sequence classifier has.

    Raises:
        JudgeError: it is none, or its head is not in the checkpoint.
    """
    if model.architecture not in (*CAUSAL, *ENCODERS):
        raise JudgeError(
            f"judge.model: {model.name} is a {model.architecture or 'model of no named kind'}, and "
            f"its head is not known; known are {', '.join((*CAUSAL, *ENCODERS))}, {QUANTILE} "
            "(--judge.family quantile) and language models (--judge.family preference)"
            f"{'; ' + OWN_CODE if model.has_code else ''}"
        )
    check_head(model)
    return model.labels


def quantile_sizes(model: Model) -> QuantileHeads:
    """The sizes of QRM's heads; the header is left open.

    Raises:
        JudgeError: the model has no such heads.
    """
    if model.architecture != QUANTILE:
        raise JudgeError(
            f"judge.family quantile reads out {QUANTILE}, and {model.name} is a "
            f"{model.architecture or 'model of no named kind'}"
        )
    check_head(model)
    config = model.config
    try:
        return QuantileHeads(
            header=(),
            attributes=int(config["num_objectives"]),
            quantiles=int(config["num_quantiles"]),
            temperature=float(config["gating_temperature"]),
            gate_hidden=int(config["gating_hidden_dim"]),
            gate_layers=int(config["gating_n_hidden"]),
        )
    except KeyError as error:
        raise JudgeError(f"judge.model: the config.json of {model.name} has no {error}") from None


def check_language_model(model: Model) -> None:
    """Refuse a model whose head is another one: it would load with a made-up one.

    Raises:
        JudgeError: naming the family that reads it.
    """
    family = {QUANTILE: "quantile", **dict.fromkeys((*CAUSAL, *ENCODERS), "classifier")}
    if model.architecture in family:
        raise JudgeError(
            f"judge.model: {model.name} is a {model.architecture} and no language model; give "
            f"--judge.family {family[model.architecture]}"
        )


def check_head(model: Model) -> None:
    """Refuse a checkpoint without its head: vLLM makes one up at random, and says nothing.

    Raises:
        JudgeError: with the names that are missing.
    """
    if model.tensors is None:
        return  # on the hub: looked at when they are on the engine's machine
    if missing := _missing_head(model, model.tensors):
        wanted = " and ".join(f"{one}*" for one in missing)
        raise JudgeError(
            f"judge.model: {model.name} has no weights {wanted}: its head is missing, and its "
            "rewards would be random"
        )


def _missing_head(model: Model, tensors: frozenset[str]) -> list[str]:
    """What none of the weights' names begins with."""
    prefixes = {
        QUANTILE: QUANTILE_WEIGHTS,
        **dict.fromkeys(CAUSAL, ("score.",)),
        **dict.fromkeys(ENCODERS, ("classifier.",)),
    }.get(model.architecture)
    if prefixes is not None:
        return [one for one in prefixes if not any(name.startswith(one) for name in tensors)]
    parts = {part for name in tensors for part in name.split(".")}
    return [] if _is_tied(model) or parts & LANGUAGE_HEADS else ["lm_head."]


def _is_tied(model: Model) -> bool:
    """Whether a language model's head is the embedding of its tokens; where it is not said, too."""
    configs = model.config, model.config.get("text_config") or {}
    said = [one["tie_word_embeddings"] for one in configs if "tie_word_embeddings" in one]
    return any(said) or not said


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


def check_engine_runs(read_out: ReadOut, model: Model, engine: str) -> None:
    """Refuse a model that the engine does not run.

    Raises:
        ConfigError: naming the engine that does.
    """
    if engine != "vllm":
        return
    if model.own_code:
        raise ConfigError(
            f"{model.name} runs its own code, which vLLM does not; give --engine.name transformers"
        )
    if isinstance(read_out, ClassLogits) and model.architecture not in IN_VLLM:
        raise ConfigError(
            f"{model.architecture} is not among the classifiers that are known to give the same "
            f"numbers in vLLM ({', '.join(IN_VLLM)}); give --engine.name transformers"
        )
