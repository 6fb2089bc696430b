"""Asks QRM (nicolinho/QRM-Llama3.1-8B): quantiles of a reward, and the attributes it is made of.

Its gate reads the prompt at the beginning of the assistant's header. So a long chat is cut within
its last turn, and the header stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from typing_extensions import override

from rm_ray.config import InputConfig
from rm_ray.engines.engine import Numbers
from rm_ray.engines.heads import quantile_sizes
from rm_ray.engines.read_outs import QuantileHeads
from rm_ray.engines.weights import Model
from rm_ray.errors import JudgeError
from rm_ray.judges.chats import chat_tokenizer
from rm_ray.judges.frame import Fitting, Frame
from rm_ray.judges.judge import DocumentTokenizer, Judge
from rm_ray.judges.quantile.keys import QuantileConfig
from rm_ray.judges.template import assistant_turn
from rm_ray.judges.tokens import judge_tokenizer
from rm_ray.judges.whole import Harmless, WholeJudge, longest_prompt

# The 19 attributes of nicolinho/QRM-Llama3.1-8B, as its card names them.
PUBLISHED = (
    "helpsteer-helpfulness",
    "helpsteer-correctness",
    "helpsteer-coherence",
    "helpsteer-complexity",
    "helpsteer-verbosity",
    "ultrafeedback-overall_score",
    "ultrafeedback-instruction_following",
    "ultrafeedback-truthfulness",
    "ultrafeedback-honesty",
    "ultrafeedback-helpfulness",
    "beavertails-is_safe",
    "prometheus-score",
    "argilla-overall_quality",
    "argilla-judge_lm",
    "code-complexity",
    "code-style",
    "code-explanation",
    "code-instruction-following",
    "code-readability",
)


def build_quantile(
    config: QuantileConfig, inputs: InputConfig, model: Model
) -> tuple[DocumentTokenizer, Judge]:
    """Build both halves, with the assistant's header found in the template.

    Raises:
        JudgeError: there is no template, the model has no quantile heads, or the configuration
            names another number of attributes than the model has.
    """
    sizes = quantile_sizes(model)
    names = tuple(config.attributes) or PUBLISHED
    if len(names) != sizes.attributes or len(set(names)) != len(names):
        raise JudgeError(
            f"the model has {sizes.attributes} attributes, and judge.attributes names "
            f"{len(set(names))}{'' if config.attributes else ' (the published ones)'}; give "
            f"{sizes.attributes} different names"
        )
    tokenizer = chat_tokenizer(config.chat, inputs, judge_tokenizer(config, model))
    turn = assistant_turn(tokenizer.template)
    if not turn.headers:
        raise JudgeError(
            "the chat template has no special token between a user's turn and the assistant's, so "
            "the judge's gate could not find the assistant's turn; give the model's own template "
            "with --judge.chat.template"
        )
    harmless = Harmless.of(tokenizer, inputs)
    most = longest_prompt(config, model, len(harmless.ids) - 1)
    fitting = Fitting(
        Frame(),
        most,
        config.truncate,
        headers=turn.headers,
        tail=turn.tail,
        turn_tokens=turn.turn_tokens,
        needs_header=True,
    )
    heads = replace(sizes, header=turn.headers[0])
    return tokenizer, QuantileJudge(fitting, harmless, heads, names)


@dataclass(frozen=True)
class QuantileJudge(WholeJudge):
    """QuantileJudge gives the reward, its quantiles and the attributes of a chat."""

    heads: QuantileHeads
    """The read-out of QRM's heads."""
    names: tuple[str, ...]
    """Names of the attributes, [attributes]."""

    @property
    @override
    def read_out(self) -> QuantileHeads:
        return self.heads

    @property
    @override
    def own_columns(self) -> pa.Schema:
        attributes = pa.struct({name: pa.float32() for name in self.names})
        return pa.schema({"reward_quantiles": pa.list_(pa.float32()), "attributes": attributes})

    @override
    def read(self, rows: Sequence[Numbers], sizes: Sequence[int]) -> tuple[float, dict[str, Any]]:
        (row,) = rows
        quantiles, attributes, score = np.split(
            row, [self.heads.quantiles, self.heads.quantiles + self.heads.attributes]
        )
        values = {
            "reward_quantiles": quantiles.tolist(),
            "attributes": dict(zip(self.names, attributes.tolist(), strict=True)),
        }
        return float(score[0]), values

    @override
    def fingerprint(self) -> dict[str, Any]:
        return super().fingerprint() | {
            "family": "quantile",
            "header": list(self.heads.header),
            "judge.attributes": list(self.names),
            "read-out": "quantile heads",
        }
