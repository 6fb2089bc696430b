"""Asks a sequence classifier about a text or a chat, and reduces its logits to a reward."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from typing_extensions import override

from rm_ray.config import InputConfig
from rm_ray.engines.engine import Numbers
from rm_ray.engines.heads import class_labels
from rm_ray.engines.read_outs import ClassLogits
from rm_ray.engines.weights import Model
from rm_ray.errors import ConfigError
from rm_ray.judges.chats import chat_tokenizer
from rm_ray.judges.classifier.keys import ClassifierConfig
from rm_ray.judges.encoding import load_plain, load_tokenizer
from rm_ray.judges.frame import Fitting, Frame
from rm_ray.judges.judge import DocumentTokenizer, Judge
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.reduction import Reduction
from rm_ray.judges.template import assistant_turn
from rm_ray.judges.text import TextTokenizer, text_column
from rm_ray.judges.tokens import TokenizerFiles, judge_tokenizer
from rm_ray.judges.whole import (
    Harmless,
    WholeJudge,
    longest_prompt,
    may_end_in_padding,
    unread_token,
)


def build_classifier(
    config: ClassifierConfig, inputs: InputConfig, model: Model
) -> tuple[DocumentTokenizer, Judge]:
    """Build both halves, with the model's labels checked.

    Raises:
        ConfigError: the documents are pairs, and the judge is asked about texts; or they are chats,
            and are to be cut into windows.
        JudgeError: there is no template, the model's head is not known, or its labels do not fit
            the reduction.
    """
    labels = model.labels if model.own_code else class_labels(model)
    reduction = Reduction.of(config.reduction, config.weights, labels)
    files = judge_tokenizer(config, model)
    if config.as_chat or inputs.messages:
        return _of_chats(config, inputs, model=model, files=files, reduction=reduction)
    tokenizer = TextTokenizer(text_column(inputs, config.family), plain_tokenizer(files.json))
    frame = Frame.of_text(load_tokenizer(files.json), load_plain(files.json))
    most = longest_prompt(config, model, frame.tokens)
    fitting = Fitting(
        frame,
        most,
        config.truncate,
        windows=config.long == "windows",
        unread=unread_token(model),
    )
    harmless = Harmless.of(tokenizer, inputs)
    read_out = ClassLogits(
        model.labels,
        own_code=model.own_code,
        may_end_in_padding=may_end_in_padding(model, files.json, frame.after),
    )
    return tokenizer, ClassifierJudge(
        fitting=fitting,
        harmless_document=harmless,
        classes=read_out,
        reduction=reduction,
        logits=config.logits,
    )


def _of_chats(
    config: ClassifierConfig,
    inputs: InputConfig,
    model: Model,
    files: TokenizerFiles,
    reduction: Reduction,
) -> tuple[DocumentTokenizer, Judge]:
    """Build both halves of a classifier that is asked about chats."""
    if config.long == "windows":
        raise ConfigError(
            "judge.long is windows, but chats cannot be cut into windows; take --judge.long "
            "truncate"
        )
    tokenizer = chat_tokenizer(config.chat, inputs, files)
    turn = assistant_turn(tokenizer.template)
    harmless = Harmless.of(tokenizer, inputs)
    most = longest_prompt(config, model, len(harmless.ids) - 1)
    fitting = Fitting(
        Frame(),
        most,
        config.truncate,
        headers=turn.headers,
        tail=turn.tail,
        turn_tokens=turn.turn_tokens,
        unread=unread_token(model),
    )
    read_out = ClassLogits(
        model.labels,
        own_code=model.own_code,
        may_end_in_padding=may_end_in_padding(model, files.json, turn.tail),
    )
    return tokenizer, ClassifierJudge(
        fitting=fitting,
        harmless_document=harmless,
        classes=read_out,
        reduction=reduction,
        logits=config.logits,
    )


@dataclass(frozen=True)
class ClassifierJudge(WholeJudge):
    """ClassifierJudge reduces logits to a reward; windows count by their tokens in the mean."""

    classes: ClassLogits
    """The read-out of the logits."""
    reduction: Reduction
    """Makes a reward of the logits of a prompt."""
    logits: bool
    """Write the logits too: the mean over windows, weighted by their tokens."""

    @property
    @override
    def read_out(self) -> ClassLogits:
        return self.classes

    @property
    @override
    def own_columns(self) -> pa.Schema:
        return pa.schema({"logits": pa.list_(pa.float32())} if self.logits else {})

    @override
    def read(self, rows: Sequence[Numbers], sizes: Sequence[int]) -> tuple[float, dict[str, Any]]:
        reward = float(np.average([self.reduction(row) for row in rows], weights=sizes))
        if not self.logits:
            return reward, {}
        return reward, {"logits": np.average(rows, axis=0, weights=sizes).tolist()}

    @override
    def fingerprint(self) -> dict[str, Any]:
        return super().fingerprint() | {
            "family": "classifier",
            "judge.reduction": f"{self.reduction.kind}:{self.reduction.label}",
            "judge.weights": list(self.reduction.weights),
            "judge.logits": self.logits,
            "read-out": "the checkpoint's own code" if self.classes.own_code else "class logits",
        }
