"""Defines the configuration keys of the classifier family."""

from typing import Literal, Self

from pydantic import Field, model_validator

from rm_ray.judges.keys import ChatConfig, Family, WholeSection


class ClassifierConfig(WholeSection):
    """Configures any AutoModelForSequenceClassification, asked about a text or a chat."""

    family: Family = "classifier"
    """The kind of judge, which decides on its other keys; jobs/judges/ has one file per model."""
    as_chat: bool = False
    """Show documents as chats, by the model's template; messages are always shown so."""
    chat: ChatConfig = ChatConfig()
    """How documents are shown as chats."""
    long: Literal["truncate", "windows"] = "truncate"
    """How to judge documents longer than max_tokens: truncate, or cut them into windows of that
    length. The reward is then the mean over windows, weighted by their tokens."""
    reduction: str = Field(
        "identity",
        pattern=r"^(identity|sigmoid|weights|(index|softmax):[0-9]+)$",
    )
    """How logits become the reward: identity (the logit of the only label), index:I (the logit of
    label I), softmax:I (the probability of label I), sigmoid (the mean over labels), or weights
    (the weighted sum)."""
    weights: list[float] = Field([])
    """A weight per label, for the reduction weights."""
    logits: bool = False
    """Write the raw logits too."""

    @model_validator(mode="after")
    def _chats_are_whole(self) -> Self:
        if self.as_chat and self.long == "windows":
            raise ValueError(
                "long is windows and as_chat is true, but a chat cannot be cut into windows"
            )
        return self

    @model_validator(mode="after")
    def _weights_where_they_count(self) -> Self:
        if (self.reduction == "weights") != bool(self.weights):
            raise ValueError("weights and the reduction weights belong together: give both or none")
        return self
