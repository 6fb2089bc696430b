"""Defines the configuration keys of the preference judge."""

from typing import Literal, Self

from pydantic import Field, model_validator

from rm_ray.config import NonEmpty, Section, StorageConfig
from rm_ray.judges.keys import Family, JudgeSection


class AdaptiveConfig(Section):
    """Stops judging a document once it is clear on which side of a cut its reward is."""

    rule: NonEmpty | None = None
    """The stop rule that jobs/select.py has calibrated on documents of this corpus and written as
    OUTPUT/rule.json; null: judge every document in full."""
    storage: StorageConfig = StorageConfig()
    """How to reach the store of the rule's file."""


class PreferenceConfig(JudgeSection):
    """Configures a language model that answers with one of two labels, chunk by chunk."""

    family: Family = "preference"
    """The kind of judge, which decides on its other keys; jobs/judges/ has one file per model."""
    chosen: NonEmpty = "A"
    """Label of a good chunk; one token."""
    rejected: NonEmpty = "B"
    """Label of a bad chunk; one token."""
    before_chunk: str = "\n\n<<JUDGEMENT_REGION>>\n"
    """Marker between the context and the chunk."""
    after_chunk: str = "\n<</JUDGEMENT_REGION>>\n\n<<JUDGEMENT>>"
    """Marker between the chunk and the label."""
    bos: bool | None = None
    """Begin each prompt with the tokenizer's BOS; null: begin as the tokenizer itself begins a
    text."""
    special_markers: bool = False
    """The markers may hold special tokens, for example pieces of a chat template."""
    chunk_tokens: int = Field(64, ge=1)
    """Tokens of one chunk."""
    context_tokens: int = Field(8192, ge=0)
    """Most tokens of context shown before a chunk; a whole number of chunks."""
    hop_tokens: int | None = Field(None, ge=0)
    """Tokens of context kept when a full context drops back; null: a quarter of context_tokens."""
    judge_first_chunk: bool = True
    """Judge the first chunk too, with an empty context."""
    judge_partial_chunk: bool = False
    """Judge a last chunk that is shorter than chunk_tokens too, also if it is the only one."""
    chunks: str = Field(
        "all",
        pattern=r"^(all|(first|every|spread|random):[1-9][0-9]*)$",
    )
    """The chunks of each document to judge: all; first:N; spread:N (evenly); random:N; or every:N
    (each N-th chunk). The other chunks are only shown as context."""
    chunks_seed: int = 0
    """Seed of random choices."""
    adaptive: AdaptiveConfig = AdaptiveConfig()
    """Stops judging a document early, by a calibrated rule."""
    prompt: Literal["ids", "text"] = "ids"
    """ids: prompts are the document's own token ids; text: prompts are the tokens of the assembled
    string, which may merge across the markers."""

    @property
    def hop(self) -> int:
        """Return the tokens of context kept at a hop; by default L/4, in whole chunks."""
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
        if self.adaptive.rule is not None and self.chunks != "all":
            raise ValueError(
                f"chunks is {self.chunks} and adaptive.rule {self.adaptive.rule}: give only one of "
                "the two, since each says which chunks are judged"
            )
        if self.chosen == self.rejected:
            raise ValueError(f"chosen and rejected are the same label, {self.chosen!r}")
        return self
