"""The keys of the classifier family."""

from typing import Literal, Self

from pydantic import Field, model_validator

from rm_ray.judges.keys import WHICH, ChatConfig, Family, WholeSection


class ClassifierConfig(WholeSection):
    """Any AutoModelForSequenceClassification, asked about a text or a chat."""

    family: Family = Field("classifier", description=WHICH)
    as_chat: bool = Field(
        False, description="Show documents as chats, by the model's template (messages always are)."
    )
    chat: ChatConfig = ChatConfig()
    long: Literal["truncate", "windows"] = Field(
        "truncate",
        description="Documents longer than max_tokens: truncate, or windows of that length, whose "
        "rewards are averaged by their tokens.",
    )
    reduction: str = Field(
        "identity",
        pattern=r"^(identity|sigmoid|weights|(index|softmax):[0-9]+)$",
        description="How logits become the reward: identity (of one label), index:I, softmax:I "
        "(the probability of label I), sigmoid (the mean over labels), or weights (their sum, "
        "weighted).",
    )
    weights: list[float] = Field(
        [], description="A weight for each label, for the reduction weights."
    )
    logits: bool = Field(False, description="Write the raw logits too.")

    @model_validator(mode="after")
    def _chats_are_whole(self) -> Self:
        if self.as_chat and self.long == "windows":
            raise ValueError("long is windows and as_chat true: a chat cannot be cut into windows")
        return self

    @model_validator(mode="after")
    def _weights_where_they_count(self) -> Self:
        if (self.reduction == "weights") != bool(self.weights):
            raise ValueError("weights and the reduction weights belong together: give both or none")
        return self
