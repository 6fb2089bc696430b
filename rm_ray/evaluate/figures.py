"""Every figure of an evaluation: what evaluation.json holds, and all that the page knows.

The schema is written down in `evaluation.schema.json`, made from these classes. What it names keeps
its name and meaning as long as `SCHEMA` stays; figures may be added.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Literal["rm_ray.evaluation/1"] = "rm_ray.evaluation/1"


class Part(BaseModel):
    """A part of an evaluation. Never changed once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(Part):
    """A figure, and from where to where it may be: 95%, by resampling documents."""

    value: float
    low: float
    high: float


class Group(Part):
    """How well the judge tells the texts of a group apart."""

    by: str | None = Field(description="What makes the groups; null for all texts together.")
    name: str
    count: int = Field(description="Pairs, or documents.")
    good: int = Field(description="Good texts.")
    documents: int
    few: bool = Field(description="So few documents that the figures show little.")
    blind: bool = Field(description="Its interval reaches below figures.blind_below.")
    pairwise: Interval | None = Field(
        description="Share of the pairs whose chosen chunk has the higher reward, ties counting "
        "half; null of documents."
    )
    auc: Interval | None = Field(
        description="How often a good text of the group is above a bad one of it, ties counting "
        "half; null without both."
    )
    accuracy: Interval | None = Field(
        description="Share of the texts on the right side of 0; null where 0 means nothing."
    )
    smallest_difference: float | None = Field(
        description="Of the main figure (pairwise, or AUC of documents): what two judges have to "
        "differ by to be told apart here in 8 of 10 tries, at 5% two-sided, if their errors are "
        "independent."
    )


class Baseline(Part):
    """What can be reached without a judge."""

    name: str
    says: str
    higher: Literal["good", "bad"] = Field(
        description="Which texts it is higher of; the kinder direction over all is taken."
    )
    pairwise: Interval | None
    auc: Interval | None
    kinds: dict[str, float] = Field(description="By kind: pairwise, or AUC of documents.")


class SourceFigure(Part):
    """A source by itself."""

    name: str
    count: int = Field(description="Texts.")
    mean: float = Field(description="Mean reward.")
    auc: float | None
    good_share: float


class Sources(Part):
    """Whether the judge sorts sources, or quality inside them."""

    between: float = Field(description="Share of the rewards' variance between sources.")
    within_auc: float | None = Field(
        description="AUC of good against bad texts of the same source, all such pairs of texts "
        "counting alike."
    )
    auc: float
    sorts_sources: bool
    sentence: str
    sources: list[SourceFigure]


class Bin(Part):
    """A bin of the reliability diagram: as many texts as the others."""

    count: int
    said: float = Field(description="Mean probability that the judge says.")
    good: float = Field(description="Share of good texts.")


class Reliability(Part):
    """Probabilities beside what is true, of documents that no map was fitted on."""

    method: Literal["raw", "isotonic", "platt"]
    ece: float = Field(description="Expected calibration error: mean gap between said and good.")
    by_chance: float = Field(description="The same of exact probabilities, by chance alone.")
    bins: list[Bin]


class Calibrated(Part):
    """From rewards to probabilities."""

    unit: Literal["chunk", "document"]
    by: str | None
    fitted_documents: int
    held_out_documents: int
    fitted_texts: int
    held_out_texts: int
    diagrams: list[Reliability]
    written: str | None = Field(description="Where calibration.json was written.")
    maps: list[str] = Field(description="Values of `by` that have a map of their own.")


class Kept(Part):
    """Keeping the best by one judge and by the other."""

    share: float
    agreement: float = Field(description="Of what one keeps, the share that the other keeps too.")


class Against(Part):
    """Beside another judge of the same texts."""

    path: str
    model: str
    common: int = Field(description="Pairs, or documents, that both have rewards for.")
    pairwise: Interval | None = Field(description="This judge less the other.")
    auc: Interval | None = Field(description="This judge less the other.")
    smallest_difference: float = Field(
        description="Of the main figure, as `Group`, by the standard error of the difference."
    )
    correlation: float | None = Field(description="Spearman's, of the texts' rewards.")
    kept: list[Kept]
    sentence: str


class Verdict(Part):
    """What the figures say, in words."""

    sentence: str
    blind: list[str]
    notes: list[str]


class Facts(Part):
    """What was evaluated."""

    of: Literal["pairs", "documents"]
    path: list[str]
    split: str | None
    column: str
    model: str
    identity: str
    family: str
    fingerprint: str
    left_out: dict[str, int] = Field(description="Rows without a reward, by their status.")
    cut_pairs: int = Field(description="Pairs with a chunk that was longer than the judge's.")
    blind_below: float
    few_documents: int
    resamples: int
    seed: int
    versions: dict[str, str]


class Evaluation(Part):
    """An evaluation."""

    format: Literal["rm_ray.evaluation/1"] = Field(SCHEMA, alias="schema")
    made: str = Field(description="When, in UTC.")
    verdict: Verdict
    whole: Group
    groups: list[Group]
    baselines: list[Baseline]
    baselines_note: str
    sources: Sources | None
    calibration: Calibrated | None
    calibration_note: str
    against: Against | None
    facts: Facts

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def write_schema(place: Path) -> None:
    """Write the schema down."""
    schema: dict[str, Any] = Evaluation.model_json_schema(by_alias=True)
    place.write_text(json.dumps(schema, indent=1) + "\n")


if __name__ == "__main__":
    write_schema(Path(__file__).with_name("evaluation.schema.json"))
