"""Which heads are known: what a checkpoint says of its own, checked before an engine starts."""

from rm_ray.engines.read_outs import ClassLogits, QuantileHeads, ReadOut
from rm_ray.engines.weights import OWN_CODE, Model
from rm_ray.errors import ConfigError, JudgeError

# Sequence classifiers that vLLM 0.32 runs with the numbers that transformers gives; each is tested.
IN_VLLM = (
    "GPT2ForSequenceClassification",
    "BertForSequenceClassification",
    "LlamaForSequenceClassification",
    "Qwen2ForSequenceClassification",
    "Qwen3ForSequenceClassification",
)
# Encoders see a prompt at once: it must fit into one step.
ENCODERS = ("BertForSequenceClassification",)
QUANTILE = "LlamaForRewardModelWithGating"
# What names of a head's weights begin with, in every classifier of transformers.
CLASSIFIER_WEIGHTS = ("score.", "classifier.", "classification_head.")
QUANTILE_WEIGHTS = ("regression_layer.", "reward_transform_matrix", "gating.")


def class_labels(model: Model) -> int:
    """How many labels a sequence classifier has.

    Raises:
        JudgeError: it is none, or its head is not in the checkpoint.
    """
    if not model.architecture.endswith("ForSequenceClassification"):
        raise JudgeError(
            f"judge.model: {model.name} is a {model.architecture or 'model of no named kind'}, and "
            "its head is not known: rm_ray reads out ...ForSequenceClassification, "
            f"{QUANTILE} (--judge.family quantile) and language models (--judge.family preference)"
            f"{'; ' + OWN_CODE if model.has_code else ''}"
        )
    _check_weights(model, CLASSIFIER_WEIGHTS, any_of=True)
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
    _check_weights(model, QUANTILE_WEIGHTS, any_of=False)
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


def _check_weights(model: Model, prefixes: tuple[str, ...], *, any_of: bool) -> None:
    """A head that is not in the checkpoint would be made up at random."""
    if model.tensors is None:
        return  # on the hub: the engine looks when it has loaded them
    missing = [one for one in prefixes if not any(t.startswith(one) for t in model.tensors)]
    if len(missing) == len(prefixes) or (missing and not any_of):
        wanted = (" or " if any_of else " and ").join(f"{one}*" for one in missing)
        raise JudgeError(
            f"judge.model: {model.name} has no weights {wanted}: its head is missing, and its "
            "rewards would be random"
        )


def check_engine_runs(read_out: ReadOut, model: Model, engine: str) -> None:
    """Refuse a model that the engine does not run.

    Raises:
        ConfigError: naming the engine that does.
    """
    if engine != "vllm" or not isinstance(read_out, ClassLogits):
        return
    if read_out.own_code:
        raise ConfigError(
            f"{model.name} runs its own code, which vLLM does not; give --engine.name transformers"
        )
    if model.architecture not in IN_VLLM:
        raise ConfigError(
            f"{model.architecture} is not among the classifiers that are known to give the same "
            f"numbers in vLLM ({', '.join(IN_VLLM)}); give --engine.name transformers"
        )
