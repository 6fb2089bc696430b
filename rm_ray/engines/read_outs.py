"""A read-out says which numbers, or which tokens, an engine gives for a prompt."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class LabelLogits:
    """LabelLogits reads the next-token logits of some tokens, from a causal language model."""

    token_ids: tuple[int, ...]
    """The tokens, in the order of the numbers."""
    answer_tokens = 1
    """Tokens that the model's length must hold beside the prompt."""

    @property
    def numbers(self) -> int:
        """Return how many numbers a prompt gets."""
        return len(self.token_ids)


@dataclass(frozen=True)
class ClassLogits:
    """ClassLogits reads the raw logits of a sequence classifier, with no activation applied."""

    answer_tokens = 0
    """A classifier adds no token to a prompt."""
    labels: int
    """Labels of the classifier: one number each."""
    separator: int | None = None
    """The token that ends a pair's first half, for a model with token types 0 and 1; else None."""
    own_code: bool = False
    """True if the forward pass is the checkpoint's own code, and returns the scores itself."""
    may_end_in_padding: bool = False
    """True if a prompt may end in the padding token of a model whose tokens look both ways. The
    score is read before that token, and sees it."""

    @property
    def numbers(self) -> int:
        """Return how many numbers a prompt gets."""
        return self.labels


@dataclass(frozen=True)
class QuantileHeads:
    """QuantileHeads reads QRM's quantiles of the reward, attributes and score, in this order."""

    answer_tokens = 0
    """QRM adds no token to a prompt."""
    header: tuple[int, ...]
    """Token ids of the header; the gate looks at the start of its last occurrence in a prompt."""
    attributes: int
    """Number of attributes."""
    quantiles: int
    """Number of quantiles."""
    temperature: float
    """The gate's logits are divided by this number."""
    gate_hidden: int
    """Width of the gate's hidden layers."""
    gate_layers: int
    """Number of the gate's hidden layers."""

    @property
    def numbers(self) -> int:
        """Return how many numbers a prompt gets."""
        return self.quantiles + self.attributes + 1


@dataclass(frozen=True)
class DrawnTokens:
    """DrawnTokens asks a causal language model for tokens after a prompt, and for no numbers."""

    answer_tokens: int
    """Tokens of the longest answer."""
    banned: tuple[int, ...]
    """Token ids that are never drawn."""
    stops: tuple[int, ...]
    """Token ids that end an answer; never drawn in an answer that must not end early."""

    @property
    def numbers(self) -> int:
        """Return how many numbers a prompt gets."""
        return 0


ReadOut: TypeAlias = LabelLogits | ClassLogits | QuantileHeads | DrawnTokens
