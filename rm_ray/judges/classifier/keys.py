"""The keys of the classifier family."""

from typing import Self

from pydantic import Field, model_validator

from rm_ray.judges.keys import WHICH, ChatOrTextSection, Family


class ClassifierConfig(ChatOrTextSection):
    """Any AutoModelForSequenceClassification, asked about a text or a chat."""

    family: Family = Field("classifier", description=WHICH)
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
    def _weights_where_they_count(self) -> Self:
        if (self.reduction == "weights") != bool(self.weights):
            raise ValueError("weights and the reduction weights belong together: give both or none")
        return self
