"""The figures of a selection, as select.json holds them, and their schema."""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Literal["rm_ray.select/1"] = "rm_ray.select/1"


class SelectPart(BaseModel):
    """A part of the figures."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StageFigures(SelectPart):
    """One stage: a scoring run."""

    name: str = Field(description="Name of the stage, and of its folder below stages/.")
    documents: int = Field(description="Documents that the stage judged.")
    windows: int = Field(description="Prompts that its judge read.")
    forwarded_tokens: int = Field(description="Tokens that its engines forwarded.")
    hours: float = Field(description="GPU hours of its engines (engine hours on CPU).")


class CostFigures(SelectPart):
    """The cost of the judge's stages, beside judging every document whole."""

    forwarded_tokens: int = Field(description="Tokens that the judge forwarded in all stages.")
    whole_tokens: int = Field(description="Fewest tokens to judge every document whole.")
    share: float = Field(description="forwarded_tokens over whole_tokens.")
    hours: float = Field(description="GPU hours of the judge (engine hours on CPU).")
    cheap_tokens: int = Field(
        description="Tokens that the cheap judge forwarded, of another model."
    )
    cheap_hours: float = Field(description="GPU hours of the cheap judge (engine hours on CPU).")


class GroupFigures(SelectPart):
    """The decisions on one group of documents."""

    name: str = Field(description="Values of the group's columns; all for one group.")
    documents: int = Field(description="Documents of the group that have a decision.")
    kept: int = Field(description="Documents that are kept.")
    cut: float | None = Field(
        description="Reward of the best document that is dropped; null if all are kept."
    )
    band: list[float | None] | None = Field(
        description="Ends of the band in which the sample saw the cut; null if judged whole."
    )
    early_kept: int = Field(description="Documents kept without judging them whole.")
    early_dropped: int = Field(description="Documents dropped without judging them whole.")


class TrialFigures(SelectPart):
    """One strictness that was tested on the sample."""

    side: Literal["keep", "drop"] = Field(description="The side of the cut that was tested.")
    strictness: float = Field(description="Standard deviations beyond the band's end.")
    wrong: int = Field(description="Tested documents that were decided wrongly on this side.")
    limit: float = Field(description="Upper limit of the wrong share of all documents.")
    cost: float = Field(description="Cost as a share of judging all, without the sample.")
    passed: bool = Field(description="The limit is within what is allowed.")


class ShareFigures(SelectPart):
    """A counted share, with its 95% interval (Clopper and Pearson)."""

    found: int = Field(description="Documents that were counted.")
    of: int = Field(description="Documents in all.")
    low: float = Field(description="Lower end of the interval.")
    high: float = Field(description="Upper end of the interval.")


class AuditFigures(SelectPart):
    """The decisions of the rule on documents that were judged whole, drawn beforehand."""

    wrong_keeps: ShareFigures = Field(description="Kept, and below the cut.")
    wrong_drops: ShareFigures = Field(description="Dropped, and not below the cut.")
    decided: ShareFigures = Field(description="Decided without judging them whole.")
    wrong_of_kept: list[float] = Field(
        description="Interval of the wrong keeps after the exact count, as a share of the kept "
        "documents: the early wrong keeps or the early wrong drops, whichever are more."
    )


class SelectFigures(SelectPart):
    """A finished selection."""

    schema_: Literal["rm_ray.select/1"] = Field(SCHEMA, alias="schema")
    sentence: str = Field(description="What was kept, at which cost and error.")
    corpus: list[str] = Field(description="Paths of the corpus.")
    judge: str = Field(description="The judge's model.")
    cheap_judge: str | None = Field(description="The cheap judge's model; null without one.")
    rule: str = Field(description="The rule, as options.")
    by_tokens: bool = Field(
        description="The rule counts tokens, so the limit of wrong keeps is an estimate."
    )
    max_wrong: float = Field(
        description="Wrong keeps at most, as a share of the kept documents, or of the dropped ones "
        "if these are fewer."
    )
    failure: float = Field(description="Probability that there are more.")
    documents: int = Field(description="Documents that have a decision.")
    without_decision: int = Field(description="Documents without a reward, which are dropped.")
    kept: int = Field(description="Documents that are kept.")
    judged_whole: int = Field(description="Documents that were judged whole.")
    by_cheap: int = Field(description="Documents that the cheap judge decided alone.")
    cost: CostFigures = Field(description="What it cost.")
    stages: list[StageFigures] = Field(description="The stages, in order.")
    groups: list[GroupFigures] = Field(description="The groups, by name.")
    reason: str = Field(description="Why this strictness, or why everything was judged.")
    tested: int = Field(description="Documents of the sample that tested the rule.")
    needed: int = Field(description="Documents that the calibration needed at least.")
    trials: list[TrialFigures] = Field(description="Strictnesses tested, from strict to loose.")
    audit: AuditFigures | None = Field(description="The measured error; null without an audit.")
    widenings: int = Field(description="How often a cut lay outside of its band.")
    decided: str = Field(description="Name of the folder with the decisions.")

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def write_schema(path: Path) -> None:
    """Write the schema of select.json, as JSON Schema."""
    path.write_text(json.dumps(SelectFigures.model_json_schema(by_alias=True), indent=1) + "\n")


if __name__ == "__main__":
    write_schema(Path(__file__).with_name("select.schema.json"))
