"""The keys of the preference judge: the section `judge` of a configuration."""

from typing import Literal, Self

from pydantic import Field, model_validator

from rm_ray.config import NonEmpty, Section
from rm_ray.judges.keys import WHICH, Family, JudgeSection

Order = Literal["front", "spread", "blocks"]


class AdaptiveConfig(Section):
    """Judging a document only until it is clear on which side of a threshold its reward is."""

    threshold: float | None = Field(
        None, description="The reward that decides whether a document is kept; null: judge all."
    )
    confidence: float = Field(
        0.995, gt=0.5, lt=1, description="Of the decision on a document that is stopped early."
    )
    order: Order = Field(
        "blocks",
        description="front: from the first chunk on; spread: evenly over the document; blocks: "
        "through it in stretches of 16 chunks, half of each, then the rest.",
    )
    min_chunks: int = Field(8, ge=2, description="Chunks judged before the first look.")


class PreferenceConfig(JudgeSection):
    """A language model that answers with one of two labels, chunk by chunk."""

    family: Family = Field("preference", description=WHICH)
    chosen: NonEmpty = Field("A", description="Label of a good chunk; one token.")
    rejected: NonEmpty = Field("B", description="Label of a bad chunk; one token.")
    before_chunk: str = Field(
        "\n\n<<JUDGEMENT_REGION>>\n", description="Marker between the context and the chunk."
    )
    after_chunk: str = Field(
        "\n<</JUDGEMENT_REGION>>\n\n<<JUDGEMENT>>",
        description="Marker between the chunk and the label.",
    )
    bos: bool | None = Field(
        None,
        description="Begin each prompt with the tokenizer's BOS; null: as the tokenizer itself "
        "begins a text.",
    )
    special_markers: bool = Field(
        False, description="Markers may hold special tokens, as a chat template's pieces do."
    )
    chunk_tokens: int = Field(64, ge=1, description="Tokens of one chunk.")
    context_tokens: int = Field(
        8192, ge=0, description="Most tokens of context shown before a chunk; whole chunks."
    )
    hop_tokens: int | None = Field(
        None,
        ge=0,
        description="Tokens of context kept when the context is full and drops back "
        "(null: a quarter of context_tokens).",
    )
    judge_first_chunk: bool = Field(
        True, description="Judge the first chunk, with an empty context."
    )
    judge_partial_chunk: bool = Field(
        False, description="Judge a tail shorter than a chunk, and documents shorter than one."
    )
    chunks: str = Field(
        "all",
        pattern=r"^(all|(first|every|spread|random):[1-9][0-9]*)$",
        description="all; first:N, spread:N (evenly), random:N chunks of each document; or "
        "every:N, each N-th. The others are context only.",
    )
    chunks_seed: int = Field(0, description="Seed of what is drawn at random.")
    adaptive: AdaptiveConfig = AdaptiveConfig()
    prompt: Literal["ids", "text"] = Field(
        "ids",
        description="ids: prompts are the document's own token ids; text: prompts are the tokens "
        "of the assembled string, which merge across the markers.",
    )

    @property
    def hop(self) -> int:
        """Tokens of context kept at a hop, `hop_tokens` or L/4 in whole chunks."""
        if self.hop_tokens is not None:
            return self.hop_tokens
        return self.context_tokens // 4 // self.chunk_tokens * self.chunk_tokens

    @model_validator(mode="after")
    def _whole_chunks(self) -> Self:
        for name, value in (("context_tokens", self.context_tokens), ("hop_tokens", self.hop)):
            if value % self.chunk_tokens:
                raise ValueError(
                    f"{name} is {value}, not a whole number of chunks of {self.chunk_tokens} tokens"
                )
        if self.hop > self.context_tokens:
            raise ValueError(
                f"hop_tokens ({self.hop}) is more than context_tokens ({self.context_tokens})"
            )
        if self.adaptive.threshold is not None and self.chunks != "all":
            raise ValueError(
                f"chunks is {self.chunks} and adaptive.threshold {self.adaptive.threshold:g}: "
                "give one of the two, each says which chunks are judged"
            )
        if self.chosen == self.rejected:
            raise ValueError(f"chosen and rejected are the same label, {self.chosen!r}")
        return self
