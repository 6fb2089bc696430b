"""Lists the heads that are known, and checks a checkpoint's head before an engine starts."""

from collections.abc import Mapping
from typing import Any

from rm_ray.engines.config_parts import text_part
from rm_ray.engines.read_outs import ClassLogits, LabelLogits, QuantileHeads, ReadOut
from rm_ray.engines.weights import OWN_CODE, Model
from rm_ray.errors import ConfigError, JudgeError


def _classifiers(*lines: str) -> tuple[str, ...]:
    """Return the class names of sequence classifiers, from lines of short names."""
    return tuple(f"{name}ForSequenceClassification" for line in lines for name in line.split())


# Sequence classifiers with a linear layer `score` as head, read at the last token. All are tested.
CAUSAL = _classifiers(
    "Arcee BioGpt Bloom DeepseekV2 DeepseekV3 DiffLlama Doge Exaone4 Falcon GPT2 GPTBigCode GPTJ",
    "GPTNeo GPTNeoX Gemma Gemma2 Gemma3 Gemma3Text Glm Glm4 GptOss Helium HunYuanDenseV1",
    "HunYuanMoEV1 Jamba JetMoe Llama MiniCPM3 Ministral Ministral3 Mistral Mixtral Mpt Nemotron",
    "OPT Olmo Olmo2 Olmo3 Persimmon Phi Phi3 Phimoe Qwen2 Qwen2Moe Qwen3 Qwen3Moe SeedOss SmolLM3",
    "StableLm Starcoder2",
)
# Sequence classifiers whose tokens see the whole prompt, with a head `classifier`. All are tested.
ENCODERS = _classifiers("Bert Roberta XLMRoberta DebertaV2 Electra DistilBert ModernBert")
# Classifiers of both lists for which vLLM 0.32 gives the same numbers as transformers.
IN_VLLM = _classifiers(
    "Arcee Bert Exaone4 Falcon GPT2 GPTBigCode GPTJ Gemma Gemma2 Glm Glm4 HunYuanDenseV1 Llama",
    "Mistral Mixtral ModernBert Nemotron OPT Olmo Olmo2 Olmo3 Phi Phi3 Qwen2 Qwen2Moe Qwen3",
    "Roberta SeedOss SmolLM3 StableLm Starcoder2 XLMRoberta",
)
# Classifiers for which vLLM reads `is_causal: false` as transformers does.
BIDIRECTIONAL_IN_VLLM = _classifiers("Llama Qwen2 Qwen3")
# Kinds of models whose layers all have a window in vLLM 0.32, or none has.
ALIKE_IN_VLLM = {"mistral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe"}
# Kinds of language models whose logits vLLM 0.32 reads from the embeddings of the tokens.
HEADLESS_IN_VLLM = {"bloom", "cohere", "cohere2", "cohere2_moe", "gemma2", "gemma3n_text"}
QUANTILE = "LlamaForRewardModelWithGating"
# The names of QRM's head weights begin with these.
QUANTILE_WEIGHTS = ("regression_layer.", "reward_transform_matrix", "gating.")
# The names of a language model's head weights have one of these as a part.
LANGUAGE_HEADS = {"lm_head", "embed_out", "output_layer", "output"}
# Class names of language models end so: all that transformers 5.19 loads as language models, but
# for BertGenerationDecoder, an encoder, and ReformerModelWithLMHead.
LANGUAGE_MODELS = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")
# Types of encoders that transformers also loads as language models; causal only if `is_decoder`.
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
    """Return the number of labels of a sequence classifier.

    Raises:
        JudgeError: the model is no known classifier, or its head is not in the checkpoint.
    """
    if model.architecture not in (*CAUSAL, *ENCODERS):
        raise JudgeError(
            f"judge.model: {model.name} is a {model.architecture or 'model of no named kind'}, and "
            f"its head is not known; docs/agreement.md lists the {len(CAUSAL) + len(ENCODERS)} "
            f"known classifiers; a {QUANTILE} needs --judge.family quantile, a language model "
            "--judge.family preference"
            f"{'; ' + OWN_CODE if model.has_code else ''}"
        )
    check_head(model)
    return model.labels


def quantile_sizes(model: Model) -> QuantileHeads:
    """Return the sizes of QRM's heads, with an empty header.

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
            "a number each and no quantiles (like RLHFlow/ArmoRM-Llama3-8B-v0.1), but judge.family "
            "quantile reads QRM's heads, which have quantiles; take nicolinho/QRM-Llama3.1-8B, or "
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
    """Refuse a model that is no causal language model.

    Labels would be read from a head of random weights, or from a model that has seen later tokens.

    Args:
        model: the judge's model.
        family: the family of judges that is to read labels from the model.

    Raises:
        JudgeError: with the family that reads the model, if one does.
    """
    if reason := _no_language_model(model, family):
        raise JudgeError(f"judge.model: {model.name} {reason}")


def _no_language_model(model: Model, asked: str) -> str:
    """Return the reason why a model cannot say a label after a prompt; "" if it can."""
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
            f"--judge.family {asked} needs a ...ForCausalLM"
            f"{code}"
        )
    if model.config.get("is_encoder_decoder"):
        return f"is a {kind}, an encoder with a decoder; a {asked} judge is a decoder alone"
    if _looks_ahead(model.config):
        return (
            f"is a {kind} whose tokens look at later tokens (is_causal, is_decoder or "
            f"use_bidirectional_attention in its config.json); a {asked} judge is a causal "
            "language model"
        )
    return ""


def is_bidirectional(config: Mapping[str, Any]) -> bool:
    """Return True if a decoder's config has every token look at all others."""
    parts = config, config.get("text_config") or {}
    return any(
        part.get("is_causal") is False or part.get("use_bidirectional_attention") in (True, "all")
        for part in parts
    )


def _looks_ahead(config: Mapping[str, Any]) -> bool:
    """Return True if tokens look at later tokens; in encoders they do, unless is_decoder is set."""
    kind = config.get("model_type")
    encoder = kind in TWO_WAYS and not config.get("is_decoder")
    return encoder or (kind == "xlm" and not config.get("causal")) or is_bidirectional(config)


def check_head(model: Model) -> None:
    """Refuse a checkpoint without its head, since vLLM would fill it at random, silently.

    Raises:
        JudgeError: with the names that are missing.
    """
    if model.tensors is None:
        return  # on the hub: checked when the weights are on the engine's machine
    if missing := _missing_head(model, model.tensors):
        names = " and ".join(f"{prefix}*" for prefix in missing)
        raise JudgeError(
            f"judge.model: {model.name} has no weights {names}: its head is missing, and its "
            "rewards would be random"
        )


def _missing_head(model: Model, tensors: frozenset[str]) -> list[str]:
    """Return the prefixes that a head's weights must have and that no weight's name begins with."""
    prefixes = {
        QUANTILE: QUANTILE_WEIGHTS,
        **dict.fromkeys(CAUSAL, ("score.",)),
        **dict.fromkeys(ENCODERS, ("classifier.",)),
    }.get(model.architecture)
    if prefixes is not None:
        return [
            prefix for prefix in prefixes if not any(name.startswith(prefix) for name in tensors)
        ]
    parts = {part for name in tensors for part in name.split(".")}
    return [] if _is_tied(model) or parts & LANGUAGE_HEADS else ["lm_head."]


def _is_tied(model: Model) -> bool:
    """Return True if a language model's head is its tokens' embedding, or if no config says."""
    configs = model.config, model.config.get("text_config") or {}
    tied = [part["tie_word_embeddings"] for part in configs if "tie_word_embeddings" in part]
    return any(tied) or not tied


def check_engine_runs(read_out: ReadOut, model: Model, engine: str) -> None:
    """Refuse a model that the engine does not run.

    Raises:
        ConfigError: with the engine or the change that helps.
    """
    if engine == "transformers":
        _check_transformers(model, read_out)
    if engine == "vllm":
        _check_vllm(model, read_out)


def _check_transformers(model: Model, read_out: ReadOut) -> None:
    if method := quantization_of(model.config):
        raise ConfigError(
            f"the weights of {model.name} are quantised ({method}), and the engine transformers "
            "does not run such weights; give --engine.name vllm on GPUs (--pool.gpus 1), or a "
            "model whose weights are not quantised"
        )
    if isinstance(read_out, LabelLogits) and not model.own_code:
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

        if model.config.get("model_type") not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
            raise ConfigError(
                f"transformers cannot load just the language model of a {model.architecture} "
                f"({model.name}); give --engine.name vllm, or a ...ForCausalLM"
            )


def _check_vllm(model: Model, read_out: ReadOut) -> None:
    if model.own_code:
        raise ConfigError(f"{model.name} runs its own code, which vLLM does not; {WAY_ON}")
    _check_overlooked(model, read_out)
    if not isinstance(read_out, ClassLogits):
        return
    if read_out.may_end_in_padding:
        raise ConfigError(
            f"prompts of {model.name} may end in its padding token, and its tokens look both ways: "
            "transformers reads the score before that token, and vLLM at the last token; "
            f"{WAY_ON}"
        )
    if model.architecture not in IN_VLLM:
        raise ConfigError(
            f"{model.architecture} is not among the {len(IN_VLLM)} classifiers that are known to "
            f"give the same numbers in vLLM (docs/agreement.md); {WAY_ON}"
        )
    if is_bidirectional(model.config) and model.architecture not in BIDIRECTIONAL_IN_VLLM:
        raise ConfigError(
            f"the tokens of {model.name} look at later tokens (is_causal or "
            "use_bidirectional_attention in its config.json), and vLLM is not known to do so for a "
            f"{model.architecture}; {WAY_ON}"
        )


def _check_overlooked(model: Model, read_out: ReadOut) -> None:
    """Refuse a model with a feature that vLLM overlooks without a word: its numbers would be wrong.

    Raises:
        ConfigError: with a way to go on.
    """
    text = text_part(model.config)
    kind = text.get("model_type")
    if kind in ALIKE_IN_VLLM and len(set(text.get("layer_types") or ())) > 1:
        raise ConfigError(
            f"only some layers of {model.name} have a sliding window (layer_types in its "
            f"config.json), and vLLM overlooks that for a {model.architecture}; {WAY_ON}"
        )
    if isinstance(read_out, LabelLogits) and not _is_tied(model) and kind in HEADLESS_IN_VLLM:
        raise ConfigError(
            f"{model.name} has a head of its own (tie_word_embeddings is false in its "
            "config.json), and vLLM reads the logits of this kind of model from the embeddings of "
            f"its tokens; {WAY_ON}"
        )


def quantization_of(config: Mapping[str, Any]) -> str:
    """Return the method that quantised a model's weights, "" if they are not quantised."""
    for part in (config, config.get("text_config") or {}):
        for key in ("quantization_config", "compression_config"):
            if quantization := part.get(key):
                return str(quantization.get("quant_method") or key)
    return ""
