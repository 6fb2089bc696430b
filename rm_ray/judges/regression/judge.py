"""Asks a regression reward model about a pair; the reward is its one score, times alpha."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from typing_extensions import override

from rm_ray.config import InputConfig
from rm_ray.engines.engine import Numbers
from rm_ray.engines.heads import class_labels
from rm_ray.engines.read_outs import ClassLogits
from rm_ray.engines.weights import Model
from rm_ray.errors import ConfigError, JudgeError
from rm_ray.judges.encoding import load_plain, load_tokenizer
from rm_ray.judges.frame import Fitting, Frame
from rm_ray.judges.judge import DocumentTokenizer, Judge
from rm_ray.judges.pairs import PairTokenizer
from rm_ray.judges.regression.keys import RegressionConfig
from rm_ray.judges.tokens import judge_tokenizer
from rm_ray.judges.whole import (
    Harmless,
    WholeJudge,
    longest_prompt,
    may_end_in_padding,
    unread_token,
)


def build_regression(
    config: RegressionConfig, inputs: InputConfig, model: Model
) -> tuple[DocumentTokenizer, Judge]:
    """Build both halves, with the model's one label checked.

    Raises:
        ConfigError: the documents are not pairs.
        JudgeError: the head gives more than one number, the tokenizer puts nothing between a
            pair's halves, or token types are asked for and the model has none.
    """
    if not inputs.prompt or not inputs.completion:
        raise ConfigError(
            "judge.family regression judges a prompt and its completion; name their columns with "
            "--input.prompt and --input.completion"
        )
    if config.token_types and int(model.config.get("type_vocab_size", 0)) < 2:
        raise JudgeError(
            f"judge.token_types is true, and {model.name} does not tell a pair's halves apart "
            "(type_vocab_size); leave it out"
        )
    if not model.own_code and class_labels(model) != 1:
        raise JudgeError(
            f"judge.family regression needs a model of one label, and {model.name} has "
            f"{model.labels}; take --judge.family classifier"
        )
    files = judge_tokenizer(config, model)
    frame = Frame.of_pair(load_tokenizer(files.json), load_plain(files.json))
    if not frame.between:
        raise JudgeError(
            "the tokenizer puts nothing between a prompt and its completion, so they would run "
            "into each other; join them into one text column for --judge.family classifier"
        )
    tokenizer = PairTokenizer((inputs.prompt, inputs.completion), files.json, frame.between)
    harmless = Harmless.of(tokenizer, inputs)
    most = longest_prompt(config, model, frame.tokens + len(frame.between) + 1)
    fitting = Fitting(frame, most, config.truncate, unread=unread_token(model))
    separator = frame.between[0] if config.token_types else None
    read_out = ClassLogits(
        1,
        separator,
        own_code=model.own_code,
        may_end_in_padding=may_end_in_padding(model, files.json, frame.after),
    )
    return tokenizer, RegressionJudge(fitting, harmless, config.alpha, read_out)


@dataclass(frozen=True)
class RegressionJudge(WholeJudge):
    """RegressionJudge multiplies the model's one score by alpha."""

    alpha: float
    """The factor of the score."""
    score: ClassLogits
    """The read-out of the score."""

    @property
    @override
    def read_out(self) -> ClassLogits:
        return self.score

    @property
    @override
    def own_columns(self) -> pa.Schema:
        return pa.schema({})

    @override
    def read(self, rows: Sequence[Numbers], sizes: Sequence[int]) -> tuple[float, dict[str, Any]]:
        ((score,),) = rows
        return self.alpha * float(score), {}

    @override
    def fingerprint(self) -> dict[str, Any]:
        return super().fingerprint() | {
            "family": "regression",
            "judge.alpha": self.alpha,
            "judge.token_types": self.score.separator is not None,
            "between a pair": list(self.fitting.frame.between),
            "read-out": "the checkpoint's own code" if self.score.own_code else "class logits",
        }
