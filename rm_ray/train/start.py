"""The start of a training: a judge's model, or only the shape of one, and its tokenizer."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rm_ray.engines.config_parts import text_part
from rm_ray.engines.heads import CAUSAL, ENCODERS, IN_VLLM, check_language_model, is_bidirectional
from rm_ray.engines.runnable import USUAL_HEADS, head_size
from rm_ray.engines.stored import is_stored
from rm_ray.engines.weights import Model, local_folder, resolve_model
from rm_ray.errors import ConfigError, JudgeError, first_line
from rm_ray.judges.classifier.keys import ClassifierConfig
from rm_ray.judges.encoding import load_plain, load_tokenizer
from rm_ray.judges.frame import Fitting, Frame
from rm_ray.judges.keys import JudgeSection
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.tokens import TokenizerFiles, judge_tokenizer, read_tokenizer, tokenizer_digest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingStart:
    """A TrainingStart is the model to begin with, and its tokenizer."""

    name: str
    """The model's name for messages."""
    identity: str
    """The model, identified by its content; "from scratch" for random weights."""
    config: Mapping[str, Any]
    """The content of the model's config.json."""
    tokenizer: str
    """A folder or a hub name with the tokenizer's files."""
    files: TokenizerFiles = field(repr=False)
    """The content of the tokenizer's files."""
    most: int
    """Tokens of the longest prompt that the model takes."""
    revision: str | None = None
    """Hub revision of the tokenizer; None for the newest, and with judge.tokenizer."""
    model: Model | None = None
    """The model's weights; None to begin with random weights of the shape `config`."""
    weights_folder: str | None = None
    """Folder in which machines keep fetched weights; None for a cache."""

    @property
    def tokenizer_digest(self) -> str:
        """Return the digest of the tokenizer's content, as the run.json of a pairs run has it."""
        return tokenizer_digest(plain_tokenizer(self.files.json))


def resolve_start(
    judge: JudgeSection, *, from_scratch: bool, weights_folder: str | None
) -> TrainingStart:
    """Find the model and its tokenizer. No weights are loaded.

    Raises:
        JudgeError: the model is not found, or the tokenizer has more tokens than the model.
    """
    start = _shape(judge) if from_scratch else _model(judge, weights_folder)
    tokens = len(_ids(start.files))
    vocabulary = int(text_part(start.config).get("vocab_size") or 0)
    if tokens > vocabulary:
        raise JudgeError(
            f"judge.model: {start.name} has {vocabulary} tokens (vocab_size in its config.json), "
            f"and its tokenizer has {tokens}; give the tokenizer that belongs to it"
        )
    return start


def preference_judge(judge: PreferenceConfig, start: TrainingStart) -> PreferenceJudge:
    """Return the preference judge: its labels, markers and windows by the tokenizer.

    Raises:
        JudgeError: a label is not one token, or the model is too short for the windows.
    """
    if start.model is not None:
        check_language_model(start.model, judge.family)
    built = PreferenceJudge.of(judge, start.files)
    needed = built.max_prompt_tokens + built.read_out.answer_tokens
    if needed > start.most:
        raise JudgeError(
            f"the model takes at most {start.most} tokens, and judge.context_tokens "
            f"{judge.context_tokens} with its chunk and markers needs {needed}; lower "
            "--judge.context_tokens"
        )
    return built


def classifier_fitting(judge: ClassifierConfig, start: TrainingStart) -> Fitting:
    """Return how a text becomes the prompt of a classifier, in the same way as `build_classifier`.

    Raises:
        JudgeError: the model has no classifier or no padding token, or is shorter than configured.
    """
    kind = str(start.config.get("model_type"))
    name = classifier_of(start)
    if name not in (*CAUSAL, *ENCODERS):
        raise JudgeError(
            f"judge.model: {start.name} is a {kind}, and the job score runs no classifier of this "
            "kind; docs/agreement.md lists the kinds that it runs"
        )
    if name in CAUSAL and start.config.get("pad_token_id") is None:
        raise JudgeError(
            f"judge.model: the config.json of {start.name} names no padding token, and a {name} "
            "needs one to find the end of a text; write pad_token_id into the config.json of a "
            "local copy"
        )
    most = judge.max_tokens or start.most
    if most > start.most:
        raise JudgeError(
            f"judge.max_tokens is {most}, and the model takes at most {start.most} tokens; lower it"
        )
    frame = Frame.of_text(load_tokenizer(start.files.json), load_plain(start.files.json))
    unread = padding(start) if name in CAUSAL and not is_bidirectional(start.config) else None
    return Fitting(frame, most, judge.truncate, unread=unread)


def classifier_of(start: TrainingStart) -> str:
    """Return the class name of the model's sequence classifier; "" if transformers has none."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    )

    kind = str(start.config.get("model_type"))
    return str(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES.get(kind, ""))


def check_vllm_runs(start: TrainingStart, *, on_gpu: bool) -> None:
    """Check that vLLM can run the trained classifier. vLLM itself is asked after the training.

    Raises:
        ConfigError: vLLM cannot run the classifier; the message says how to leave vLLM out.
    """
    if (name := classifier_of(start)) not in IN_VLLM:
        raise ConfigError(
            f"verify.engines: vllm is not known to give the right rewards of a {name}; leave vllm "
            "out with --verify.engines transformers"
        )
    if not on_gpu and (size := head_size(start.config)) not in USUAL_HEADS:
        log.warning(
            "the attention heads of %s have %d numbers, which vLLM may refuse without a GPU once "
            "the judge is trained; 32, 64 and 128 are usual. --verify.engines transformers leaves "
            "vllm out",
            start.name,
            size,
        )


def padding(start: TrainingStart) -> int:
    """Return the id of the token that pads a batch."""
    return int(start.config.get("pad_token_id") or 0)


def _model(judge: JudgeSection, weights_folder: str | None) -> TrainingStart:
    model = resolve_model(
        judge.model, judge.revision, storage=judge.storage, weights_folder=weights_folder
    )
    return TrainingStart(
        name=model.name,
        identity=model.identity,
        config=model.config,
        tokenizer=judge.tokenizer or model.place or model.name,
        files=judge_tokenizer(judge, model),
        most=model.max_tokens,
        revision=None if judge.tokenizer else model.revision,
        model=model,
        weights_folder=weights_folder,
    )


def _shape(judge: JudgeSection) -> TrainingStart:
    """Return a start without weights; only config.json and the tokenizer are read."""
    from transformers import AutoConfig

    if is_stored(judge.model):
        raise JudgeError(
            f"judge.model: {judge.model} is in a store; with train.from_scratch, give a local "
            "folder or a hub name that has a config.json and a tokenizer"
        )
    place = str(local_folder(judge.model) or judge.model)
    try:
        config = AutoConfig.from_pretrained(place, revision=judge.revision)
    except (OSError, ValueError, KeyError) as error:
        raise JudgeError(f"judge.model: cannot read {judge.model}: {first_line(error)}") from None
    tokenizer = judge.tokenizer or place
    revision = None if judge.tokenizer else judge.revision
    described = {
        key: value
        for key, value in config.to_dict().items()
        if key not in ("transformers_version", "_name_or_path")
    }
    return TrainingStart(
        name=judge.model,
        identity="from scratch",
        config=described,
        tokenizer=tokenizer,
        files=read_tokenizer(tokenizer, revision),
        most=int(text_part(described).get("max_position_embeddings") or 0),
        revision=revision,
    )


def _ids(files: TokenizerFiles) -> set[int]:
    """Return the ids of all tokens that a tokenizer can give."""
    return set(load_tokenizer(files.json).get_vocab(with_added_tokens=True).values())
