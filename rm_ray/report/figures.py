"""All figures of a report, as report.json holds them. The page and the summary use nothing else.

The schema is in `report.schema.json`, made from these classes. While `SCHEMA` stays the same, every
figure keeps its name and its meaning; new figures may be added.
"""

import json
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from rm_ray.report.facts import (
    Accepted,
    DeliveryFigures,
    FilesFacts,
    RepeatFigures,
    RepeatsFacts,
    ReportPart,
)

SCHEMA: Literal["rm_ray.report/1"] = "rm_ray.report/1"
# Quantiles of the rewards in a report, as shares of the documents below.
QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)

Level = Literal["warn", "fail"]
Rule = Literal[
    "drift",
    "spread",
    "mean",
    "creep",
    "volume",
    "tokens",
    "rewarded",
    "failed",
    "missing",
    "new",
    "repeated",
]


class Alert(ReportPart):
    """One alert: an effect past the threshold of its rule, and beyond chance."""

    group: str | None = Field(description="The group's name; null for all documents together.")
    label: str | None = Field(description="The group's values as JSON; null for all documents.")
    rule: Rule = Field(description="The rule that alerts.")
    level: Level = Field(description="fail: the alert fails the night.")
    standing: bool = Field(description="The alert stood the night before; it fails no night again.")
    folded_into: str | None = Field(
        description="Another alert (GROUP: RULE) that covers this one, so this one does not count."
    )
    effect: float = Field(description="How large the effect is, in the rule's own measure.")
    threshold: float = Field(description="The effect at which the rule alerts.")
    p: float | None = Field(
        description="How often chance alone makes an effect as large; null if chance has no part."
    )
    sentence: str = Field(description="The alert in words.")
    strength: float = Field(
        description=(
            "Signed size that later nights compare: for a ratio its logarithm, else the effect. A "
            "standing alert keeps the value of its first night. 0: sizes of this alert cannot be "
            "compared."
        )
    )


class NightVerdict(ReportPart):
    """The night in one word and one sentence."""

    status: Literal["ok", "warn", "fail"] = Field(description="fail: an alert fails the night.")
    sentence: str = Field(description="The verdict in words.")
    alerts: list[Alert] = Field(description="Alerts that fail come first, folded ones last.")


class Distribution(ReportPart):
    """The rewards of some documents. Mean and sd are exact; the rest to 1/4096 of a value."""

    documents: int = Field(description="Documents with a reward.")
    tokens: int = Field(description="Tokens of these documents.")
    mean: float = Field(description="The mean reward.")
    sd: float = Field(description="The standard deviation.")
    minimum: float = Field(description="The lowest reward, to 1/4096 of itself.")
    maximum: float = Field(description="The highest reward, to 1/4096 of itself.")
    quantiles: dict[str, float] = Field(description="Rewards by the share of documents below.")


class Measure(ReportPart):
    """An effect size beside its noise."""

    effect: float = Field(description="How large the effect is.")
    floor: float = Field(description="95% of nights like the baseline stay below this effect.")
    p: float = Field(description="Share of nights like the baseline with an effect as large.")


class Drift(ReportPart):
    """The distance of the rewards from the baseline's."""

    wasserstein: Measure = Field(description="Distance in standard deviations of the baseline.")
    psi: Measure = Field(description="Population stability index on the baseline's deciles.")
    mean: Measure = Field(description="The mean's change in the baseline's sd, without its sign.")
    smallest_shift: float = Field(
        description="The smallest shift of all rewards, in sd of the baseline, that would have "
        "been past its alert's floor in 4 of 5 nights of these sizes."
    )
    quiet_nights: int = Field(description="Nights that the floors are learnt from, besides chance.")
    noise: float = Field(
        description="How many times as much as by chance quiet nights differ; at least 1."
    )


class Range(ReportPart):
    """The usual value of a figure, and the values that would have been an alert."""

    expected: float = Field(description="The usual value.")
    low: float | None = Field(description="Lower values alert; null if no fall alerts.")
    high: float | None = Field(description="Higher values alert; null if no rise alerts.")


class UsualFigures(ReportPart):
    """Tonight's counts as the nights before predict them. A range is null if it is not known."""

    nights: int = Field(description="Quiet nights that the counts are predicted from.")
    documents: Range | None = Field(description="Documents of the night.")
    tokens: Range | None = Field(description="Tokens of the night.")
    tokens_a_document: Range | None = Field(description="Tokens of a document, on average.")
    rewarded: Range | None = Field(description="The share of documents with a reward.")
    remark: str | None = Field(description="Why changes cannot be told; null if they can.")


class CreepFigures(ReportPart):
    """A slow move of the mean, a little every night."""

    weeks: int = Field(description="Weeks of nights with a mean reward, tonight's included.")
    slope: float | None = Field(description="Slope of the weekly means, in sd a week.")
    moved: float | None = Field(description="Move from four weeks ago to the last week, in sd.")
    p: float | None = Field(description="How often weeks without a creep have such a slope.")
    remark: str | None = Field(description="Why no creep was looked for; null if it was.")


class Outliers(ReportPart):
    """Rewards far outside the usual range. They count as the ends of that range."""

    below: float = Field(description="The lower end of the usual range.")
    above: float = Field(description="The upper end of the usual range.")
    tonight: int = Field(description="Documents of tonight outside the range.")
    baseline: int = Field(description="Documents of the baseline outside the range.")
    farthest: float = Field(description="The reward that lies farthest out.")


class GroupFigures(ReportPart):
    """One group of documents, or all documents."""

    name: str = Field(description="The group as a person reads it.")
    label: str = Field(description="The group's values as JSON, in the order of `by`.")
    documents: int = Field(description="All documents of the group.")
    tokens: int = Field(description="Tokens of all its documents.")
    scored: int = Field(description="Documents with a reward.")
    statuses: dict[str, int] = Field(description="Documents by status.")
    failed_share: float = Field(description="Share of the documents that failed.")
    expected: float | None = Field(description="Documents of a night of the baseline, on average.")
    tonight: Distribution | None = Field(description="null if no document has a reward.")
    baseline: Distribution | None = Field(description="null if there is no baseline or no reward.")
    histogram: list[float] = Field(description="Share of the documents in each bin.")
    baseline_histogram: list[float] | None = Field(
        description="null if the baseline has no reward."
    )
    drift: Drift | None = Field(description="null if there is nothing to compare.")
    spread: float | None = Field(description="The sd divided by the baseline's.")
    nights: list[str] = Field(description="Nights of the baseline that rewards are compared with.")
    usual: UsualFigures = Field(description="Usual counts and their limits.")
    creep: CreepFigures = Field(description="Slow moves of the mean.")
    outliers: Outliers | None = Field(description="null if there are none.")
    untold: str | None = Field(description="Why nothing can be told of the rewards.")
    repeats: RepeatFigures | None = Field(
        None, description="Documents that came before; null if they are not counted."
    )


class MixGroup(ReportPart):
    """A group's part in the change of the mean."""

    name: str = Field(description="The group as a person reads it.")
    label: str = Field(description="The group's values as JSON.")
    share_before: float = Field(description="Share of the baseline's documents with a reward.")
    share_after: float = Field(description="Share of tonight's documents with a reward.")
    mean_before: float | None = Field(description="Mean of the baseline; null if it has no reward.")
    mean_after: float | None = Field(description="Mean of tonight; null if it has no reward.")
    mix: float = Field(description="Part of the mean's change that the group's share made.")
    inside: float = Field(description="Part of the mean's change that the group's rewards made.")


class Mix(ReportPart):
    """The change of the mean, split exactly into two parts (Kitagawa 1955)."""

    before: float = Field(description="The baseline's mean.")
    after: float = Field(description="Tonight's mean.")
    change: float = Field(description="`after` minus `before`.")
    mix: float = Field(description="Part that the shares of the groups made.")
    inside: float = Field(description="Part that the rewards inside the groups made.")
    wasserstein_mix: float = Field(
        description="Distance of the baseline from the baseline with tonight's shares, in its sd."
    )
    wasserstein_inside: float = Field(
        description="Distance of the baseline with tonight's shares from tonight, in its sd."
    )
    groups: list[MixGroup] = Field(description="Each group's part in the change.")


class TrendNight(ReportPart):
    """One night of the history."""

    night: str = Field(description="Name of the night.")
    status: Literal["ok", "warn", "fail"] = Field(description="The night's verdict.")
    documents: int = Field(description="All documents of the night.")
    tokens: int = Field(description="Tokens of all documents.")
    scored: int = Field(description="Documents with a reward.")
    mean: float | None = Field(description="null if no document has a reward.")
    quantiles: dict[str, float] = Field(description="Rewards at 0.1, 0.5 and 0.9.")
    means: dict[str, float] = Field(description="Mean rewards of the groups, by name.")
    alerts: list[str] = Field(description="The night's alerts (GROUP: RULE), folded ones left out.")


class Retained(ReportPart):
    """The exact documents and tokens whose reward is not below a threshold."""

    threshold: float = Field(description="The lowest reward that is kept.")
    documents: int = Field(description="Documents kept.")
    tokens: int = Field(description="Tokens kept.")


class RetainedGroup(ReportPart):
    """The documents of one group that each threshold of `retention` keeps."""

    name: str = Field(description="The group as a person reads it.")
    label: str = Field(description="The group's values as JSON.")
    documents: list[int] = Field(description="Documents kept, in the order of `retention`.")
    tokens: list[int] = Field(description="Tokens kept, in the order of `retention`.")


class Correlation(ReportPart):
    """Spearman's rank correlation of a sample."""

    rho: float = Field(description="The correlation, from -1 to 1.")
    margin: float = Field(description="Half of the 95% interval.")
    documents: int = Field(description="Documents of the sample.")


class BlindGroup(ReportPart):
    """The spread of one group's rewards: a small one means that its documents look alike."""

    name: str = Field(description="The group as a person reads it.")
    sd: float = Field(description="The standard deviation of its rewards.")
    relative_sd: float = Field(description="The sd divided by the sd of all documents.")
    length: Correlation | None = Field(description="Reward and tokens of the document.")
    flat: bool = Field(description="The rewards hardly vary.")


class Blind(ReportPart):
    """Signs that the judge sees something else than quality, or nothing."""

    between_share: float = Field(description="Share of the variance that lies between groups.")
    length: Correlation | None = Field(description="Reward and tokens of the document.")
    position: Correlation | None = Field(description="Reward and place of the document in a file.")
    length_medians: list[tuple[float, float]] = Field(
        description="Median tokens and reward of ten classes of equal size, from short to long."
    )
    groups: list[BlindGroup] = Field(description="One entry for each group with a reward.")


class ShownChunk(ReportPart):
    """A judged chunk of an excerpt."""

    text: str = Field(description="The beginning of the chunk.")
    reward: float | None = Field(description="null if the chunk was not judged.")


class Shown(ReportPart):
    """One document, shown as an excerpt."""

    why: Literal["best", "worst", "quantile", "kept", "dropped"] = Field(
        description="Why it is shown. kept, dropped: it is next to a cut. quantile: it is at a "
        "quantile of all documents, or of those of a group with an alert."
    )
    at: float | None = Field(description="The quantile, or the threshold of the cut.")
    group: str | None = Field(description="The group's name; null if there are no groups.")
    id: str | None = Field(description="The document's id; null if it is not known.")
    file: str = Field(description="File of the corpus.")
    row: int = Field(description="Row in that file, from 0.")
    reward: float = Field(description="The document's reward.")
    tokens: int = Field(description="Tokens of the document.")
    chunks: list[ShownChunk] = Field(
        description="The first chunks; one text if chunks are not known."
    )
    chunks_left: int = Field(description="Chunks that are not shown.")
    remark: str | None = Field(description="Why the text is missing or not whole.")


class AlertedDocuments(ReportPart):
    """Documents of a group with an alert, beside documents of the nights before."""

    group: str = Field(description="The group as a person reads it.")
    tonight: list[Shown] = Field(description="Documents of tonight, from low to high rewards.")
    before: list[Shown] = Field(description="Documents of the baseline, likewise; may be none.")
    nights: list[str] = Field(description="Nights that `before` is of; empty if not known.")


class RunFacts(ReportPart):
    """The run that made the rewards, and its cost."""

    path: str = Field(description="Folder of the run.")
    segments: list[int] = Field(description="Segments that are reported.")
    model: str = Field(description="The judge's model.")
    family: str = Field(description="The judge's family.")
    fingerprint: str = Field(description="Fingerprint of the run.")
    files: int = Field(description="Files of the corpus.")
    parts: int = Field(description="Parts that are reported.")
    complete: bool = Field(description="The run is complete.")
    stopped_early: bool = Field(False, description="Judged in part (judge.adaptive): estimates.")
    missing_parts: int = Field(description="Planned parts that are missing: no history is kept.")
    windows: int = Field(description="Windows that the judge read.")
    forwarded_tokens: int = Field(description="Tokens that the engines forwarded.")
    minimum_tokens: int = Field(description="Fewest tokens that an engine can forward for it all.")
    tokens_per_second: float | None = Field(description="Forwarded by one engine, as measured.")
    engine_hours: float | None = Field(description="Hours for forwarded_tokens at that speed.")
    gpus: float = Field(description="GPUs of one engine.")
    cost: float | None = Field(description="engine_hours times gpus times cost.per_gpu_hour.")
    versions: dict[str, str] = Field(description="Versions of the programs, by name.")


class BaselineFacts(ReportPart):
    """The baseline of tonight."""

    kind: Literal["run", "history", "none"] = Field(
        description="A pinned run, the history, or no baseline."
    )
    path: str | None = Field(description="Folder of that run or history.")
    nights: list[str] = Field(description="Nights of a history that any group's baseline pools.")
    documents: int = Field(description="Documents of the baseline.")


class Figures(ReportPart):
    """A report."""

    schema_: Literal["rm_ray.report/1"] = Field(SCHEMA, alias="schema")
    night: str = Field(description="Name of the night.")
    made: str = Field(description="When this report was made, UTC.")
    by: list[str] = Field(description="Columns whose values make the groups.")
    column: str = Field(description="Column of the rewards that is reported.")
    kind: str = Field("float32", description="Kind of its numbers: float32, float64, int64 ...")
    verdict: NightVerdict = Field(description="Alerts, and the verdict.")
    baseline: BaselineFacts = Field(description="The baseline of tonight.")
    drift_above: float = Field(
        description="Drift alerts above this distance, in the baseline's sd, if it is not chance."
    )
    whole: GroupFigures = Field(description="All documents together.")
    groups: list[GroupFigures] = Field(
        description="Groups of tonight and the baseline, largest first."
    )
    gathered: int = Field(description="Groups beyond max_groups, counted together.")
    edges: list[float] = Field(description="Edges of the bins of all histograms, ascending.")
    mix: Mix | None = Field(description="Split of the mean's change; null if there is none.")
    trend: list[TrendNight] = Field(description="Nights, oldest first.")
    retention: list[Retained] = Field(description="From the highest threshold to the lowest.")
    cut: float | None = Field(description="The threshold in use; null if none is given.")
    blind: Blind | None = Field(description="null if there is no reward.")
    documents: list[Shown] = Field(description="Documents shown as excerpts.")
    retained_groups: list[RetainedGroup] = Field(
        [], description="What the thresholds of `retention` keep of each group."
    )
    alerted: list[AlertedDocuments] = Field(
        [], description="Documents of the groups with alerts, beside the baseline's."
    )
    run: RunFacts = Field(description="The run that made the rewards.")
    files: FilesFacts | None = Field(
        None, description="The files of the night; null in reports of a version before 0.10."
    )
    repeats: RepeatsFacts | None = Field(
        None, description="How repeated documents were found; null if they were not looked for."
    )
    accepted: list[Accepted] = Field(
        [], description="What was accepted on the nights that are shown; the last ones first."
    )
    delivery: DeliveryFigures | None = Field(
        None, description="What a nightly job delivers; null without a filter."
    )

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def write_schema(path: Path) -> None:
    """Write the schema of report.json, as JSON Schema."""
    path.write_text(json.dumps(Figures.model_json_schema(by_alias=True), indent=1) + "\n")


if __name__ == "__main__":
    write_schema(Path(__file__).with_name("report.schema.json"))
