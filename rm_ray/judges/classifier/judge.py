"""A sequence classifier asked about a text or a chat; its logits, reduced, are the reward."""

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
from rm_ray.judges.frame import Fitting, Frame
from rm_ray.judges.judge import DocumentTokenizer, Judge
from rm_ray.judges.reduction import Reduction
from rm_ray.judges.text import TextTokenizer, text_column
from rm_ray.judges.tokens import judge_tokenizer, load_plain, load_tokenizer, plain_tokenizer
from rm_ray.judges.whole import Harmless, WholeJudge, longest_prompt


def build_classifier(
    config: ClassifierConfig, inputs: InputConfig, model: Model
) -> tuple[DocumentTokenizer, Judge]:
    """Both halves, with the model's labels checked.

    Raises:
        ConfigError: the documents are pairs or chats, and the judge is asked about texts.
        JudgeError: there is no template, no such head, or the labels do not fit the reduction.
    """
    reduction = Reduction.of(config.reduction, config.weights, class_labels(model))
    files = judge_tokenizer(config, model)
    tokenizer: DocumentTokenizer
    if config.as_chat or inputs.messages:
        if config.long == "windows":
            raise ConfigError("judge.long is windows: chats cannot be cut into windows; truncate")
        tokenizer, frame = chat_tokenizer(config.chat, inputs, files), Frame()
    else:
        tokenizer = TextTokenizer(text_column(inputs, config.family), plain_tokenizer(files.json))
        frame = Frame.of_text(load_tokenizer(files.json), load_plain(files.json))
    harmless = Harmless.of(tokenizer, inputs)
    most = longest_prompt(config, model, max(frame.tokens, len(harmless.ids) - 1))
    fitting = Fitting(frame, most, config.truncate, windows=config.long == "windows")
    return tokenizer, ClassifierJudge(fitting, harmless, model.labels, reduction, config.logits)


@dataclass(frozen=True)
class ClassifierJudge(WholeJudge):
    """`logits`: write them too. They, and the reward, are means by tokens over windows."""

    labels: int
    reduction: Reduction
    logits: bool

    @property
    @override
    def read_out(self) -> ClassLogits:
        return ClassLogits(self.labels)

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
            "read-out": "class logits",
        }
