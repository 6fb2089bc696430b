"""Which heads are known: what a checkpoint says of its own, checked before an engine starts."""

from collections.abc import Mapping
from typing import Any

from rm_ray.engines.read_outs import ClassLogits, LabelLogits, QuantileHeads, ReadOut
from rm_ray.engines.weights import OWN_CODE, Model
from rm_ray.errors import ConfigError, JudgeError


def _classifiers(*lines: str) -> tuple[str, ...]:
    """The classes of sequence classifiers with these names."""
    return tuple(f"{name}ForSequenceClassification" for line in lines for name in line.split())


# Sequence classifiers whose head is a linear layer `score`, read at the last token, ...
CAUSAL = _classifiers(
    "Arcee BioGpt Bloom DeepseekV2 DeepseekV3 DiffLlama Doge Exaone4 Falcon GPT2 GPTBigCode GPTJ",
    "GPTNeo GPTNeoX Gemma Gemma2 Gemma3 Gemma3Text Glm Glm4 GptOss Helium HunYuanDenseV1",
    "HunYuanMoEV1 Jamba JetMoe Llama MiniCPM3 Ministral Ministral3 Mistral Mixtral Mpt Nemotron",
    "OPT Olmo Olmo2 Olmo3 Persimmon Phi Phi3 Phimoe Qwen2 Qwen2Moe Qwen3 Qwen3Moe SeedOss SmolLM3",
    "StableLm Starcoder2",
)
# ... and those that see a prompt at once, with a head `classifier`. All of them are tested.
ENCODERS = _classifiers("Bert Roberta XLMRoberta DebertaV2 Electra DistilBert ModernBert")
# Of these, vLLM 0.32 gives the numbers that transformers gives for these.
IN_VLLM = _classifiers(
    "Arcee Bert Exaone4 Falcon GPT2 GPTBigCode GPTJ Gemma Gemma2 Glm Glm4 HunYuanDenseV1 Llama",
    "Mistral Mixtral ModernBert Nemotron OPT Olmo Olmo2 Olmo3 Phi Phi3 Qwen2 Qwen2Moe Qwen3",
    "Roberta SeedOss SmolLM3 StableLm Starcoder2 XLMRoberta",
)
# Of these, it reads `is_causal: false` as transformers does.
BIDIRECTIONAL_IN_VLLM = _classifiers("Llama Qwen2 Qwen3")
QUANTILE = "LlamaForRewardModelWithGating"
# What the weights of a head are called: how their names begin, and parts of a language model's.
QUANTILE_WEIGHTS = ("regression_layer.", "reward_transform_matrix", "gating.")
LANGUAGE_HEADS = {"lm_head", "embed_out", "output_layer", "output"}
# How the names of language models end: those of all that transformers 5.19 loads as such, but for
# BertGenerationDecoder, an encoder, and ReformerModelWithLMHead.
LANGUAGE_MODELS = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")
# Types of encoders that transformers loads as language models too; causal if `is_decoder` says so.
TWO_WAYS = {
    "bert",
    "big_bird",
    "camembert",
    "data2vec-text",
    "electra",
    "ernie",
    "megatron-bert",
    "rembert",
    "roberta",
    "roberta-prelayernorm",
    "roc_bert",
    "roformer",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
}
WAY_ON = "give --engine.name transformers"


def class_labels(model: Model) -> int:
    """How many labels a sequence classifier has.

    Raises:
        JudgeError: it is none, or its head is not in the checkpoint.
    """
    if model.architecture not in (*CAUSAL, *ENCODERS):
        raise JudgeError(
            f"judge.model: {model.name} is a {model.architecture or 'model of no named kind'}, and "
            f"its head is not known; docs/agreement.md lists the {len(CAUSAL) + len(ENCODERS)} "
            f"classifiers that are; a {QUANTILE} needs --judge.family quantile, a language model "
            "--judge.family preference"
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
    if "num_quantiles" not in config:
        raise JudgeError(
            f"judge.model: {model.name} has {config.get('num_objectives', 'some')} objectives with "
            "a number each and no quantiles (as RLHFlow/ArmoRM-Llama3-8B-v0.1), and judge.family "
            "quantile reads QRM's heads, which came of them; take nicolinho/QRM-Llama3.1-8B, or "
            "a model with one score under --judge.family classifier "
            "(Skywork/Skywork-Reward-V2-Llama-3.1-8B)"
        )
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


def check_language_model(model: Model, family: str) -> None:
    """Refuse what is no causal language model: its labels would be read from a head made up, or
    from a model that has seen what comes after.

    Args:
        model: the judge's.
        family: the family of judges that is to read labels from it.

    Raises:
        JudgeError: naming the family that reads it, where one does.
    """
    if reason := _no_language_model(model, family):
        raise JudgeError(f"judge.model: {model.name} {reason}")


def _no_language_model(model: Model, asked: str) -> str:
    """Why a model cannot say a label after a prompt; "" where it can."""
    kind = model.architecture
    family = {QUANTILE: "quantile", **dict.fromkeys((*CAUSAL, *ENCODERS), "classifier")}
    code = f"; {OWN_CODE}" if model.has_code and not model.own_code else ""
    if not kind:
        return (
            "does not say which class it is (architectures in its config.json), and judge.family "
            "is never guessed; write the class into the config.json of a local copy"
        )
    if kind in family:
        return f"is a {kind} and no language model; give --judge.family {family[kind]}"
    if not kind.endswith(LANGUAGE_MODELS):
        return (
            f"is a {kind} and no language model, and no family of judges reads one; "
            f"--judge.family {asked}, which it is asked to run under, needs a ...ForCausalLM"
            f"{code}"
        )
    if model.config.get("is_encoder_decoder"):
        return f"is a {kind}, an encoder with a decoder; a {asked} judge is a decoder alone"
    if _looks_ahead(model.config):
        return (
            f"is a {kind} whose tokens look at those after them (is_causal, is_decoder or "
            f"use_bidirectional_attention in its config.json); a {asked} judge is a causal "
            "language model"
        )
    return ""


def is_bidirectional(config: Mapping[str, Any]) -> bool:
    """Tell whether a decoder's config has every token look at all others."""
    parts = config, config.get("text_config") or {}
    return any(
        part.get("is_causal") is False or part.get("use_bidirectional_attention") in (True, "all")
        for part in parts
    )


def _looks_ahead(config: Mapping[str, Any]) -> bool:
    """Whether a model is bidirectional; encoders are, unless they are told to be decoders."""
    kind = config.get("model_type")
    encoder = kind in TWO_WAYS and not config.get("is_decoder")
    return encoder or (kind == "xlm" and not config.get("causal")) or is_bidirectional(config)


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


def check_engine_runs(read_out: ReadOut, model: Model, engine: str) -> None:
    """Refuse a model that the engine does not run.

    Raises:
        ConfigError: naming the engine that does, or what else does.
    """
    if engine == "transformers":
        _check_transformers(model, read_out)
    if engine == "vllm":
        _check_vllm(model, read_out)


def _check_transformers(model: Model, read_out: ReadOut) -> None:
    if method := quantization_of(model.config):
        raise ConfigError(
            f"the weights of {model.name} are quantised ({method}), which the engine transformers "
            "does not run; give --engine.name vllm on GPUs (--pool.gpus 1), or a model whose "
            "weights are not quantised"
        )
    if isinstance(read_out, LabelLogits) and not model.own_code:
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

        if model.config.get("model_type") not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
            raise ConfigError(
                f"transformers loads no language model alone from a {model.architecture} "
                f"({model.name}); give --engine.name vllm, or a ...ForCausalLM"
            )


def _check_vllm(model: Model, read_out: ReadOut) -> None:
    if model.own_code:
        raise ConfigError(f"{model.name} runs its own code, which vLLM does not; {WAY_ON}")
    if not isinstance(read_out, ClassLogits):
        return
    if read_out.may_end_in_padding:
        raise ConfigError(
            f"prompts of {model.name} may end in its padding token, and its tokens look both ways: "
            f"transformers reads it before that token, and vLLM at the last one; {WAY_ON}"
        )
    if model.architecture not in IN_VLLM:
        raise ConfigError(
            f"{model.architecture} is not among the {len(IN_VLLM)} classifiers that are known to "
            f"give the same numbers in vLLM (docs/agreement.md); {WAY_ON}"
        )
    if is_bidirectional(model.config) and model.architecture not in BIDIRECTIONAL_IN_VLLM:
        raise ConfigError(
            f"the tokens of {model.name} look at those after them (is_causal or "
            "use_bidirectional_attention in its config.json), which vLLM is not known to do for a "
            f"{model.architecture}; {WAY_ON}"
        )


def quantization_of(config: Mapping[str, Any]) -> str:
    """How a model's weights are quantised, "" where they are not."""
    for part in (config, config.get("text_config") or {}):
        for key in ("quantization_config", "compression_config"):
            if found := part.get(key):
                return str(found.get("quant_method") or key)
    return ""
