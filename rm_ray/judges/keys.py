"""Defines the configuration keys that every family of judges has, and keys that several share."""

from typing import Literal, Self

from pydantic import Field, model_validator

from rm_ray.addresses import refuse_credentials
from rm_ray.config import TYPED, NonEmpty, Section, StorageConfig

Family = Literal["preference", "classifier", "regression", "quantile"]


class MessageConfig(Section):
    """Gives one turn of a chat."""

    role: NonEmpty
    """Who speaks, for example user or assistant."""
    content: str
    """The text of the turn."""


class ExampleConfig(Section):
    """Gives an input and its published reward.

    The input is a text, a prompt and a completion, or the messages of a chat.
    """

    text: str | None = None
    """A text."""
    prompt: str | None = None
    """A prompt; its completion is in completion."""
    completion: str | None = None
    """The completion of the prompt."""
    messages: list[MessageConfig] | None = None
    """The turns of a chat."""
    reward: float
    """The published reward of the input."""

    @model_validator(mode="after")
    def _one_document(self) -> Self:
        given = [
            name
            for name in ("text", "prompt", "completion", "messages")
            if getattr(self, name) is not None
        ]
        if given not in (["text"], ["prompt", "completion"], ["messages"]):
            raise ValueError(
                f"an example is a text, a prompt and a completion, or messages; this example gives "
                f"{', '.join(given) or 'nothing'}"
            )
        return self


class JudgeSection(Section):
    """Names the reward model, and inputs with known rewards to check it by."""

    model: NonEmpty = Field(json_schema_extra=TYPED)
    """Model: a local folder, a hub name, or a folder in a store (s3://, gs://, abfs://). Every
    machine fetches a model from a store once."""
    storage: StorageConfig = StorageConfig()
    """How to reach the model's store."""
    revision: NonEmpty | None = None
    """Hub revision: a branch, tag or commit. It must be a commit if the model's code is trusted."""
    tokenizer: NonEmpty | None = None
    """Tokenizer to use instead of the model's own: a folder or a hub name."""
    trust_remote_code: bool = False
    """Run the checkpoint's own modelling code, if it needs any; only with a pinned revision."""
    examples: list[ExampleConfig] = Field([])
    """Inputs (text, prompt and completion, or messages) with their published rewards. Every engine
    judges them when it starts."""
    examples_tolerance: float = Field(0.05, ge=0)
    """How far an example's reward may differ from the published one."""
    on_wrong_example: Literal["warn", "refuse"] = "warn"
    """The reaction to a reward that differs by more than that: warn, or refuse to score."""
    calibration: NonEmpty = "auto"
    """The calibration that makes the column p_chosen of rewards: auto (calibration.json in the
    model's folder, if there is one), none, or the folder of another calibration.json."""

    @model_validator(mode="after")
    def _names_without_secrets(self) -> Self:
        refuse_credentials(self.model, "model")
        refuse_credentials(self.tokenizer or "", "tokenizer")
        refuse_credentials(self.calibration, "calibration")
        if "://" in (self.tokenizer or ""):
            raise ValueError(
                f"tokenizer is {self.tokenizer}; it must be a folder or a hub name (the tokenizer "
                "of a model in a store may lie beside its weights)"
            )
        return self


class ChatConfig(Section):
    """Says how a document is shown to a model that judges chats."""

    user: str = "Write a document."
    """The user's turn that is put before a plain text. The text itself is the assistant's turn."""
    template: NonEmpty | None = None
    """File of a chat template (Jinja); null: the tokenizer's own template."""
    date: NonEmpty = "26 Jul 2024"
    """The date that templates show as today's; it is fixed."""


class WholeSection(JudgeSection):
    """Configures a judge that is asked about a document as a whole."""

    max_tokens: int | None = Field(None, ge=8)
    """Longest prompt in tokens, special tokens included; null: the model's length."""
    truncate: Literal["left", "right"] = "right"
    """The side on which a longer document loses tokens; a chat loses tokens of its last turn."""
