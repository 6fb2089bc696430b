"""Read-outs: which numbers an engine gives for a prompt, or which tokens."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class LabelLogits:
    """The logits of these tokens as the next one, in this order; of a causal language model."""

    token_ids: tuple[int, ...]
    answer_tokens = 1
    """The model's length must hold the prompt and so many tokens more."""

    @property
    def numbers(self) -> int:
        """How many numbers a prompt gets."""
        return len(self.token_ids)


@dataclass(frozen=True)
class ClassLogits:
    """The raw logits of a sequence classifier, no activation applied.

    `labels`: how many. `separator`: the token that ends a pair's first half, where the model tells
    halves apart (token types 0 and 1). `own_code`: the model's forward pass is the checkpoint's own
    code, and gives the scores itself.
    """

    answer_tokens = 0
    labels: int
    separator: int | None = None
    own_code: bool = False
    may_end_in_padding: bool = False
    """Whether a prompt may end in the padding token of a model that looks both ways: it is read
    before that token, and sees it."""

    @property
    def numbers(self) -> int:
        """How many numbers a prompt gets."""
        return self.labels


@dataclass(frozen=True)
class QuantileHeads:
    """QRM's numbers: the quantiles of the reward, the attributes, and the score, in this order.

    `header`: the token ids whose last occurrence in a prompt tells the gate where to look.
    `gate_*`: sizes of the gating network.
    """

    answer_tokens = 0
    header: tuple[int, ...]
    attributes: int
    quantiles: int
    temperature: float
    gate_hidden: int
    gate_layers: int

    @property
    def numbers(self) -> int:
        """How many numbers a prompt gets."""
        return self.quantiles + self.attributes + 1


@dataclass(frozen=True)
class DrawnTokens:
    """Tokens that a causal language model draws after a prompt, and no numbers.

    `answer_tokens`: of the longest answer. `banned`: ids that are never drawn. `stops`: ids that
    end an answer; where an answer is not to end, these are never drawn either.
    """

    answer_tokens: int
    banned: tuple[int, ...]
    stops: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """How many numbers a prompt gets."""
        return 0


ReadOut: TypeAlias = LabelLogits | ClassLogits | QuantileHeads | DrawnTokens
