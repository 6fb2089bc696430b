"""Every figure of a report: what report.json holds, and all that the page and the summary know.

The schema is written down in `report.schema.json`, made from these classes. What it names keeps its
name and meaning as long as `SCHEMA` stays; figures may be added.
"""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Literal["rm_ray.report/1"] = "rm_ray.report/1"
# Shares of the documents below which quantiles lie.
QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)

Level = Literal["warn", "fail"]
Rule = Literal[
    "drift", "spread", "mean", "creep", "volume", "tokens", "rewarded", "failed", "missing", "new"
]


class Part(BaseModel):
    """A part of a report. Never changed once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Alert(Part):
    """What is not as it was. `folded_into`: the alert that says it already, which alone counts."""

    group: str | None = Field(description="The group's name; null for all documents together.")
    label: str | None = Field(description="Its values as JSON.")
    rule: Rule
    level: Level
    standing: bool = Field(description="It stood the night before, and fails no night again.")
    folded_into: str | None = Field(description="The alert (GROUP: RULE) that this is part of.")
    effect: float = Field(description="How large it is, in the rule's own measure.")
    threshold: float = Field(description="From where on the rule speaks.")
    p: float | None = Field(
        description="How often chance alone makes one as large; null where chance has no part."
    )
    sentence: str
    strength: float = Field(
        description="The effect with a sign when the alert was new: of ratios the logarithm."
    )


class Verdict(Part):
    """The night in one word and one sentence."""

    status: Literal["ok", "warn", "fail"]
    sentence: str
    alerts: list[Alert] = Field(description="Those that fail first, folded ones last.")


class Distribution(Part):
    """Of the documents that have a reward. Mean and sd exact; the others to 1/4096 of a value."""

    documents: int
    tokens: int
    mean: float
    sd: float
    minimum: float
    maximum: float
    quantiles: dict[str, float] = Field(description="By the share of the documents below.")


class Measure(Part):
    """An effect size beside its noise."""

    effect: float
    floor: float = Field(description="What 95% of nights like the baseline stay below.")
    p: float = Field(description="Share of nights like the baseline with an effect as large.")


class Drift(Part):
    """How far the rewards are from the baseline's."""

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


class Range(Part):
    """What a figure usually is, and the changes that would have been an alert."""

    expected: float
    low: float | None = Field(description="An alert below; null where no fall is one.")
    high: float | None = Field(description="An alert above; null where no rise is one.")


class UsualFigures(Part):
    """What the nights before predict of tonight's counts."""

    nights: int = Field(description="Quiet nights that they are predicted from.")
    documents: Range | None
    tokens: Range | None
    tokens_a_document: Range | None
    rewarded: Range | None = Field(description="The share of documents with a reward.")
    remark: str | None = Field(description="Why changes cannot be told; null where they can.")


class CreepFigures(Part):
    """Whether the mean moves a little every night."""

    weeks: int
    slope: float | None = Field(description="Of the weekly means, in sd a week.")
    moved: float | None = Field(description="From four weeks back to the last week, in sd.")
    p: float | None = Field(description="How often weeks without a creep have such a slope.")
    remark: str | None = Field(description="Why it was not looked for; null where it was.")


class Outliers(Part):
    """Rewards far outside the usual range, which count as its ends."""

    below: float = Field(description="The lower end of the usual range.")
    above: float = Field(description="The upper end.")
    tonight: int = Field(description="Documents of tonight outside.")
    baseline: int = Field(description="Documents of the baseline outside.")
    farthest: float = Field(description="The reward that lies farthest out.")


class Group(Part):
    """One group of documents, or all of them."""

    name: str
    label: str = Field(description="Its values as JSON, in the order of `by`.")
    documents: int
    tokens: int
    scored: int = Field(description="Documents with a reward.")
    statuses: dict[str, int]
    failed_share: float
    expected: float | None = Field(description="Documents of a night of the baseline, on average.")
    tonight: Distribution | None = Field(description="null where none has a reward.")
    baseline: Distribution | None
    histogram: list[float] = Field(description="Share of the documents in each bin.")
    baseline_histogram: list[float] | None
    drift: Drift | None = Field(description="null where there is nothing to compare.")
    spread: float | None = Field(description="The sd over the baseline's.")
    nights: list[str] = Field(description="Of the baseline, that rewards are compared with.")
    usual: UsualFigures
    creep: CreepFigures
    outliers: Outliers | None
    untold: str | None = Field(description="Why nothing can be told of the rewards.")


class MixGroup(Part):
    """A group's part in the change of the mean."""

    name: str
    label: str
    share_before: float
    share_after: float
    mean_before: float | None
    mean_after: float | None
    mix: float
    inside: float


class Mix(Part):
    """The mean's change, split exactly (Kitagawa 1955): `mix` is what the shares of the groups did,
    `inside` what happened inside them; `new` and `gone`: groups that only one side has.
    """

    before: float
    after: float
    change: float
    mix: float
    inside: float
    wasserstein_mix: float = Field(
        description="From the baseline to the baseline in tonight's mix, in its sd."
    )
    wasserstein_inside: float = Field(description="And from there to tonight.")
    groups: list[MixGroup]


class TrendNight(Part):
    """One night of the history."""

    night: str
    status: Literal["ok", "warn", "fail"]
    documents: int
    tokens: int
    scored: int = Field(description="Documents with a reward.")
    mean: float | None = Field(description="null where no document has a reward.")
    quantiles: dict[str, float] = Field(description="0.1, 0.5 and 0.9.")
    means: dict[str, float] = Field(description="Of groups, by name.")
    alerts: list[str] = Field(description="GROUP: RULE of those that night, but for folded ones.")


class Retained(Part):
    """What a threshold keeps: all that is not below it. Exact, the cut in use among them."""

    threshold: float
    documents: int
    tokens: int


class Correlation(Part):
    """Spearman's, of a sample. `margin`: half of its 95% interval."""

    rho: float
    margin: float
    documents: int


class BlindGroup(Part):
    """How well the judge tells the documents of one group apart."""

    name: str
    sd: float
    relative_sd: float = Field(description="Over that of all documents.")
    length: Correlation | None
    flat: bool = Field(description="The rewards hardly vary.")


class Blind(Part):
    """Where the judge sees something else than quality, or nothing."""

    between_share: float = Field(description="Share of the variance that lies between groups.")
    length: Correlation | None = Field(description="Of the reward with the document's tokens.")
    position: Correlation | None = Field(description="Of the reward with its place in its file.")
    length_medians: list[tuple[float, float]] = Field(
        description="Of ten classes of equal size, from short to long: median tokens and reward."
    )
    groups: list[BlindGroup]


class Chunk(Part):
    """A judged chunk of an excerpt. `reward`: null where it was not judged."""

    text: str
    reward: float | None


class Shown(Part):
    """One document, shown as an excerpt."""

    why: Literal["best", "worst", "quantile", "kept", "dropped"] = Field(
        description="kept, dropped: it is next to a cut."
    )
    at: float | None = Field(description="The quantile, or the threshold of the cut.")
    group: str | None
    id: str | None
    file: str
    row: int
    reward: float
    tokens: int
    chunks: list[Chunk] = Field(description="The first ones; one, where chunks are not known.")
    chunks_left: int = Field(description="Chunks that are not shown.")
    remark: str | None = Field(description="Why the text is missing or not whole.")


class RunFacts(Part):
    """What made the rewards, and what it cost."""

    path: str
    segments: list[int]
    model: str
    family: str
    fingerprint: str
    files: int
    parts: int
    complete: bool
    missing_parts: int = Field(description="Planned ones that are not there: no history is kept.")
    windows: int
    forwarded_tokens: int
    minimum_tokens: int
    tokens_per_second: float | None = Field(description="Forwarded, of one engine, as measured.")
    engine_hours: float | None = Field(description="forwarded_tokens at that speed.")
    gpus: float = Field(description="Of one engine.")
    cost: float | None = Field(description="engine_hours times gpus times cost.per_gpu_hour.")
    versions: dict[str, str]


class BaselineFacts(Part):
    """What tonight is compared with."""

    kind: Literal["run", "history", "none"]
    path: str | None
    nights: list[str] = Field(description="Of a history, those that any group's is pooled from.")
    documents: int


class Figures(Part):
    """A report."""

    schema_: Literal["rm_ray.report/1"] = Field(SCHEMA, alias="schema")
    night: str
    made: str = Field(description="When this report was made, UTC.")
    by: list[str] = Field(description="Columns whose values make the groups.")
    column: str = Field(description="Of the rewards, what is reported.")
    verdict: Verdict
    baseline: BaselineFacts
    drift_above: float = Field(
        description="Distance, in the baseline's sd, above which drift alerts, if it is no chance."
    )
    whole: Group
    groups: list[Group] = Field(description="The largest first; those of the baseline too.")
    gathered: int = Field(description="Groups beyond max_groups, counted together.")
    edges: list[float] = Field(description="Of the bins of all histograms, ascending.")
    mix: Mix | None
    trend: list[TrendNight]
    retention: list[Retained] = Field(description="From the highest threshold to the lowest.")
    cut: float | None = Field(description="The threshold that is in use, where one is given.")
    blind: Blind | None
    documents: list[Shown]
    run: RunFacts

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def write_schema(path: Path) -> None:
    """The schema of report.json, as JSON Schema."""
    path.write_text(json.dumps(Figures.model_json_schema(by_alias=True), indent=1) + "\n")


if __name__ == "__main__":
    write_schema(Path(__file__).with_name("report.schema.json"))
