"""QRM, nicolinho/QRM-Llama3.1-8B: quantiles of a reward, and the attributes that it is made of.

Its gate looks at where the assistant's header begins, so a chat must keep its last one.
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
from rm_ray.judges.judge import Answers, DocumentTokenizer, Judge, Questions, TokenIds, Verdict
from rm_ray.judges.quantile.keys import QuantileConfig
from rm_ray.judges.template import ChatTemplate
from rm_ray.judges.tokens import encode, judge_tokenizer, load_plain
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
    """Both halves, with the assistant's header found in the template.

    Raises:
        JudgeError: there is no template, no such head, or the attributes are not as many.
    """
    sizes = quantile_sizes(model)
    names = tuple(config.attributes) or PUBLISHED
    if len(names) != sizes.attributes or len(set(names)) != len(names):
        raise JudgeError(
            f"the model has {sizes.attributes} attributes, and judge.attributes names "
            f"{len(set(names))}{'' if config.attributes else ' (the published ones)'}; give as "
            "many different names"
        )
    tokenizer = chat_tokenizer(config.chat, inputs, judge_tokenizer(config, model))
    header = assistant_header(tokenizer.template)
    harmless = Harmless.of(tokenizer, inputs)
    most = longest_prompt(config, model, len(harmless.ids) - 1)
    fitting = Fitting(Frame(), most, config.truncate)
    return tokenizer, QuantileJudge(fitting, harmless, replace(sizes, header=header), names)


def assistant_header(template: ChatTemplate) -> tuple[int, ...]:
    """The tokens between a user's turn and the assistant's.

    Raises:
        JudgeError: there is no special token among them, so that a text could look alike.
    """
    pieces = template.pieces(("user", "assistant"))
    turns = [i for i, piece in enumerate(pieces) if not isinstance(piece, int)
             and any(not isinstance(part, str) for part in piece)]  # fmt: skip
    ids: list[int] = []
    special = 0
    plain = load_plain(template.tokenizer_json)
    for piece in pieces[turns[0] + 1 : turns[-1] + 1] if len(turns) == 2 else ():
        if isinstance(piece, int):
            ids.append(piece)
            special += 1
        else:
            before = piece[0] if isinstance(piece[0], str) else ""
            ids += encode(plain, before)
    if not special:
        raise JudgeError(
            "the chat template has no special token before the assistant's turn, and the judge's "
            "gate could not find it; give the model's own with --judge.chat.template"
        )
    return tuple(ids)


@dataclass(frozen=True)
class QuantileJudge(WholeJudge):
    """`names`: of the attributes."""

    heads: QuantileHeads
    names: tuple[str, ...]

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
    def looks(self, ids: TokenIds) -> list[Questions]:
        """None where the header is not in the prompt."""
        (prompt,) = self.fitting.prompts(ids, [0])
        return super().looks(ids) if last_start(prompt, self.heads.header) is not None else []

    @override
    def verdict(self, answers: Answers, n_tokens: int) -> Verdict:
        if n_tokens and not answers:
            error = (
                "the header of the assistant's turn is not among the "
                f"{min(n_tokens, self.fitting.room)} tokens that the model is shown"
            )
            return self.unscored(n_tokens, "invalid", error)
        return super().verdict(answers, n_tokens)

    @override
    def read(self, rows: Sequence[Numbers], sizes: Sequence[int]) -> tuple[float, dict[str, Any]]:
        (row,) = rows
        quantiles, attributes, score = np.split(
            row, [self.heads.quantiles, self.heads.quantiles + self.heads.attributes]
        )
        more = {
            "reward_quantiles": quantiles.tolist(),
            "attributes": dict(zip(self.names, attributes.tolist(), strict=True)),
        }
        return float(score[0]), more

    @override
    def fingerprint(self) -> dict[str, Any]:
        return super().fingerprint() | {
            "family": "quantile",
            "header": list(self.heads.header),
            "judge.attributes": list(self.names),
            "read-out": "quantile heads",
        }


def last_start(ids: TokenIds, part: Sequence[int]) -> int | None:
    """Where the last occurrence of some tokens begins."""
    for start in np.flatnonzero(ids[: len(ids) - len(part) + 1] == part[0])[::-1].tolist():
        if ids[start : start + len(part)].tolist() == list(part):
            return int(start)
    return None
