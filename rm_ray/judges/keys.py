"""The keys that every family of judges has, and those that several have."""

from typing import Literal, Self

from pydantic import Field, model_validator

from rm_ray.config import TYPED, NonEmpty, Section, StorageConfig, refuse_credentials

Family = Literal["preference", "classifier", "regression", "quantile"]
WHICH = "The kind of judge, which decides on its other keys; jobs/judges/ has one file a model."


class MessageConfig(Section):
    """One turn of a chat."""

    role: NonEmpty
    content: str


class ExampleConfig(Section):
    """An input whose reward its source publishes: a text, a prompt and completion, or a chat."""

    text: str | None = None
    prompt: str | None = None
    completion: str | None = None
    messages: list[MessageConfig] | None = None
    reward: float

    @model_validator(mode="after")
    def _one_document(self) -> Self:
        given = [
            name
            for name in ("text", "prompt", "completion", "messages")
            if getattr(self, name) is not None
        ]
        if given not in (["text"], ["prompt", "completion"], ["messages"]):
            raise ValueError(
                f"an example is a text, a prompt and a completion, or messages; this one gives "
                f"{', '.join(given) or 'nothing'}"
            )
        return self


class JudgeSection(Section):
    """The reward model, and how it is known to be the right one."""

    model: NonEmpty = Field(
        description="Model: a local folder, a hub name, or a folder in a store (s3://, gs://, "
        "abfs://), which every machine then fetches once.",
        json_schema_extra=TYPED,
    )
    storage: StorageConfig = Field(StorageConfig(), description="How the model's store is reached.")
    revision: NonEmpty | None = Field(
        None, description="Hub revision (branch, tag or commit); a commit where code is trusted."
    )
    tokenizer: NonEmpty | None = Field(
        None, description="Tokenizer, where it is not the model's own: a folder or a hub name."
    )
    trust_remote_code: bool = Field(
        False,
        description="Run the checkpoint's own modelling code, where it needs some; only with a "
        "pinned revision.",
    )
    examples: list[ExampleConfig] = Field(
        [],
        description="Inputs (text, prompt and completion, or messages) with the reward that their "
        "source publishes; every engine judges them when it starts.",
    )
    examples_tolerance: float = Field(
        0.05, ge=0, description="By how much an example's reward may differ from the published one."
    )
    on_wrong_example: Literal["warn", "refuse"] = Field(
        "warn", description="What to do when one differs by more: warn, or refuse to score."
    )
    calibration: NonEmpty = Field(
        "auto",
        description="What makes the column p_chosen of rewards: auto (calibration.json in the "
        "model's folder, where there is one), none, or the folder of another calibration.json.",
    )

    @model_validator(mode="after")
    def _names_without_secrets(self) -> Self:
        refuse_credentials(self.model, "model")
        refuse_credentials(self.tokenizer or "", "tokenizer")
        refuse_credentials(self.calibration, "calibration")
        if "://" in (self.tokenizer or ""):
            raise ValueError(
                f"tokenizer is {self.tokenizer}; it must be a folder or a hub name (a model in a "
                "store may have its own beside its weights)"
            )
        return self


class ChatConfig(Section):
    """How a document is shown to a model that judges chats."""

    user: str = Field(
        "Write a document.",
        description="The user's turn before a document that is plain text, which is the "
        "assistant's turn.",
    )
    template: NonEmpty | None = Field(
        None, description="File of a chat template (Jinja); null: the tokenizer's own."
    )
    date: NonEmpty = Field("26 Jul 2024", description="The date that templates show, fixed.")


class WholeSection(JudgeSection):
    """A judge that is asked about a document as a whole, in one prompt."""

    max_tokens: int | None = Field(
        None,
        ge=8,
        description="Longest prompt, tokens, special ones included; null: the model's length.",
    )
    truncate: Literal["left", "right"] = Field(
        "right",
        description="Where a document that is longer loses its tokens; a chat, within its last "
        "turn.",
    )
