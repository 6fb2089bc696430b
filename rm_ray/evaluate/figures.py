"""Every figure of an evaluation: the content of evaluation.json, and the only input of the page.

The schema is written to `evaluation.schema.json`, made from these classes. A field keeps its name
and meaning as long as `SCHEMA` stays; fields may be added.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Literal["rm_ray.evaluation/1"] = "rm_ray.evaluation/1"


class AccuracyPart(BaseModel):
    """An AccuracyPart is a part of an evaluation. It never changes once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Interval(AccuracyPart):
    """A figure with its 95% interval, made by resampling documents."""

    value: float
    """The figure."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""


class GroupAccuracy(AccuracyPart):
    """Figures of one group: how well the judge separates its good and bad texts."""

    by: str | None
    """The property that makes the groups, such as kind; null for the group of all texts."""
    name: str
    """Name of the group."""
    count: int
    """Number of pairs, or of documents."""
    good: int
    """Number of good texts."""
    documents: int
    """Number of documents."""
    few: bool
    """True if there are so few documents that the figures show little."""
    blind: bool
    """True if the interval of the main figure reaches below figures.blind_below."""
    pairwise: Interval | None
    """Share of the pairs whose chosen chunk has the higher reward, ties counting half; null
    for documents.
    """
    auc: Interval | None
    """How often a good text of the group is above a bad one of the group, ties counting half;
    null unless there are both.
    """
    accuracy: Interval | None
    """Share of the texts on the right side of 0; null if 0 has no meaning for the judge."""
    smallest_difference: float | None
    """Difference in the main figure (pairwise, or AUC for documents) that two judges need to
    be told apart in this group in 8 of 10 tries, at 5% two-sided, if their errors are
    independent.
    """


class BaselineAccuracy(AccuracyPart):
    """Figures of a simple property of the text, used in place of a judge."""

    name: str
    """Name of the baseline."""
    says: str
    """The property of the text, in words."""
    higher: Literal["good", "bad"]
    """The label whose texts have the higher values, in the direction that gives the better
    AUC over all texts.
    """
    pairwise: Interval | None
    """Share of the pairs in the right order; null for documents."""
    auc: Interval | None
    """How often a good text is above a bad one; null unless there are both."""
    kinds: dict[str, float]
    """Pairwise by kind, or AUC by kind for documents."""


class SourceFigure(AccuracyPart):
    """The figures of one source."""

    name: str
    """Name of the source."""
    count: int
    """Number of texts."""
    mean: float
    """Mean reward."""
    auc: float | None
    """AUC inside the source; null unless it has good and bad texts."""
    good_share: float
    """Share of good texts."""


class SourceShares(AccuracyPart):
    """Figures that show if the judge sorts sources, or quality inside them."""

    between: float
    """Share of the rewards' variance between sources."""
    within_auc: float | None
    """AUC of good against bad texts of the same source, with equal weight for every pair of
    texts; null if no source has both.
    """
    auc: float
    """AUC of all texts."""
    sorts_sources: bool
    """True if the judge sorts sources more than quality."""
    sentence: str
    """The conclusion, in a sentence."""
    sources: list[SourceFigure]
    """The largest sources."""


class Bin(AccuracyPart):
    """A bin of the reliability diagram; all bins have the same number of texts, give or take
    one.
    """

    count: int
    """Number of texts."""
    said: float
    """Mean probability that the judge gives."""
    good: float
    """Share of good texts."""


class Reliability(AccuracyPart):
    """Predicted probabilities against the true shares, on documents that no map was fitted on."""

    method: Literal["raw", "isotonic", "platt"]
    """raw: the rewards as log odds; isotonic or platt: the fitted map."""
    ece: float
    """Expected calibration error: mean gap between predicted and true."""
    by_chance: float
    """The error that exact probabilities would have by chance alone."""
    bins: list[Bin]
    """Bins from the lowest probabilities to the highest."""


class Calibrated(AccuracyPart):
    """Figures of the probabilities that are made of rewards."""

    unit: Literal["chunk", "document"]
    """The texts that get a probability."""
    by: str | None
    """Column whose values have a map each; null for one map."""
    fitted_documents: int
    """Number of documents that the maps are fitted on."""
    held_out_documents: int
    """Number of documents that the diagrams are made of."""
    fitted_texts: int
    """Number of texts that the maps are fitted on."""
    held_out_texts: int
    """Number of texts that the diagrams are made of."""
    diagrams: list[Reliability]
    """One diagram per method."""
    written: str | None
    """Path of the written calibration.json; null if none was written."""
    maps: list[str]
    """Values of `by` that have a map of their own."""


class KeepAgreement(AccuracyPart):
    """The agreement of two judges on the best texts."""

    share: float
    """Share of the texts that each judge keeps."""
    agreement: float
    """Share of the texts kept by one judge that the other keeps too."""


class Against(AccuracyPart):
    """The comparison with another judge of the same texts."""

    path: str
    """Folder of the other judge's run."""
    model: str
    """Model of the other judge."""
    common: int
    """Number of pairs, or of documents, with rewards by both judges."""
    pairwise: Interval | None
    """Pairwise of this judge minus the other's; null for documents."""
    auc: Interval | None
    """AUC of this judge minus the other's."""
    smallest_difference: float
    """Difference in the main figure that would have been seen in 8 of 10 tries, at 5%
    two-sided, by the standard error of the difference.
    """
    correlation: float | None
    """Spearman correlation of the texts' rewards."""
    kept: list[KeepAgreement]
    """Agreement on the best texts, by share."""
    sentence: str
    """The conclusion, in a sentence."""


class SourcesVerdict(AccuracyPart):
    """The conclusions of the figures, in words."""

    sentence: str
    """How good the judge is."""
    blind: list[str]
    """Sentences on the kinds that the judge is blind to."""
    notes: list[str]
    """Sentences with everything else to know."""


class Facts(AccuracyPart):
    """The facts about the evaluated run."""

    of: Literal["pairs", "documents"]
    """The kind of data: judged pairs, or the documents of a scoring run."""
    path: list[str]
    """Paths of the pairs, or of the scoring run."""
    split: str | None
    """Split of the judged pairs; null for all pairs, and for documents."""
    column: str
    """Column of the evaluated rewards."""
    model: str
    """The judge's model, as configured."""
    identity: str
    """The model, identified by its content."""
    family: str
    """Family of the judge."""
    fingerprint: str
    """Fingerprint of the run that judged."""
    left_out: dict[str, int]
    """Number of rows without a reward, by status."""
    cut_pairs: int
    """Number of pairs with a chunk longer than the judge's chunks."""
    blind_below: float
    """Bound below which a kind counts as blind."""
    few_documents: int
    """Groups with fewer documents are marked."""
    resamples: int
    """Number of resamples of the documents."""
    seed: int
    """Seed of the resamples."""
    versions: dict[str, str]
    """Versions of the installed packages."""


class Evaluation(AccuracyPart):
    """An Evaluation holds every figure of one run of the evaluation job."""

    format: Literal["rm_ray.evaluation/1"] = Field(SCHEMA, alias="schema")
    """Version of this schema."""
    made: str
    """Time of the evaluation, UTC."""
    verdict: SourcesVerdict
    """The conclusions in words."""
    whole: GroupAccuracy
    """The figures of all texts."""
    groups: list[GroupAccuracy]
    """The figures of groups of texts."""
    baselines: list[BaselineAccuracy]
    """Baselines without a judge."""
    baselines_note: str
    """How the baselines were made, or why there are none."""
    sources: SourceShares | None
    """Figures of the sources; null unless there are two sources."""
    calibration: Calibrated | None
    """Rewards as probabilities; null if there are too few documents."""
    calibration_note: str
    """Why there is no calibration."""
    against: Against | None
    """The comparison with another judge; null if none is configured."""
    facts: Facts
    """The facts about the evaluated run."""

    model_config = ConfigDict(populate_by_name=True)


def write_schema(place: Path) -> None:
    """Write the JSON schema of an evaluation to a file."""
    schema: dict[str, Any] = Evaluation.model_json_schema(by_alias=True)
    place.write_text(json.dumps(schema, indent=1) + "\n")


if __name__ == "__main__":
    write_schema(Path(__file__).with_name("evaluation.schema.json"))
