"""The notes that a filter's plan stores with each of its segments. A resumed run reads them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from rm_ray.corpus.files import InputFile
from rm_ray.counts.cuts import Cut, Cuts
from rm_ray.counts.ranks import Ranks
from rm_ray.filter.copy.keeping import Alterations
from rm_ray.filter.count.census import Census
from rm_ray.filter.count.decision import Outcomes, total_outcomes
from rm_ray.filter.count.stretches import Parts
from rm_ray.filter.count.ties import Tie
from rm_ray.scored.run import ScoredRun


@dataclass(frozen=True)
class Notes:
    """The notes hold the decisions of one segment, and the inputs that were read for them."""

    files: dict[str, tuple[int, str]]
    """Size in bytes and version of each corpus file of the segment, by path."""
    parts: list[dict[str, str]]
    """Hashes of the parts that were read, by the part's name; a dictionary per run."""
    segments: list[list[int]]
    """The numbers of the plan segments that were read, per run."""
    totals: list[dict[str, Any] | None]
    """The run's own totals, per run; None if the run was not complete."""
    cuts: Cuts
    """The cuts of all groups."""
    budget: dict[str, int]
    """Budgets by group, in the unit that the rule counts in; empty if the rule has no budget."""
    ranks: list[Ranks]
    """The ranks of each run's rewards; empty for a single run."""
    outcomes: Outcomes
    """Documents and tokens by group, kept or not, and reason, as in Census."""
    alterations: Alterations
    """The properties of the files that are not written as the corpus has them."""
    ties: list[Tie] = field(default_factory=list)
    """The cuts that separate documents with equal rewards."""
    least_kept: float | int | None = None
    """The least kept reward, if a threshold there keeps the same documents."""

    @classmethod
    def of(
        cls,
        files: Iterable[InputFile],
        runs: Sequence[ScoredRun],
        parts: Sequence[Parts],
        cuts: Cuts,
        budget: dict[str, int],
        ranks: Sequence[Ranks],
        census: Census,
        alterations: Alterations,
        by_reward: bool,
    ) -> "Notes":
        """Make the notes of a segment of these files.

        `by_reward`: the written documents are the ones with the highest rewards.
        """
        known = {file.path: (file.size, file.version) for file in files}
        read = [
            {part.shard.part: part.hash for path in known for part in of_run.get(path, ())}
            for of_run in parts
        ]
        return cls(
            files=known,
            parts=read,
            segments=[run.segments for run in runs],
            totals=[run.totals for run in runs],
            cuts=cuts,
            budget=budget,
            ranks=list(ranks),
            outcomes=census.outcomes,
            alterations=alterations,
            ties=census.cut_ties(),
            least_kept=census.least_kept(cuts) if by_reward else None,
        )

    @property
    def kept(self) -> int:
        """Return how many documents of these files are kept."""
        return sum(documents for (_, kept, _), (documents, _) in self.outcomes.items() if kept)

    def to_json(self) -> dict[str, Any]:
        """Return the notes as plain values."""
        return {
            "files": self.files,
            "parts": self.parts,
            "segments": self.segments,
            "totals": self.totals,
            "groups": self.cuts.groups,
            "cuts": [[cut and asdict(cut) for cut in cuts] for cuts in self.cuts.cuts],
            "otherwise": [cut and asdict(cut) for cut in self.cuts.otherwise],
            "budget": self.budget,
            "ranks": [[of_run.bounds.tolist(), of_run.ranks.tolist()] for of_run in self.ranks],
            "outcomes": [[*key, *count] for key, count in self.outcomes.items()],
            "alterations": asdict(self.alterations),
            "ties": [asdict(tie) for tie in self.ties],
            "least_kept": self.least_kept,
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Notes":
        """Read the notes that `to_json` wrote."""
        cuts = [list(map(_cut, cuts)) for cuts in said["cuts"]]
        return cls(
            files={path: (size, version) for path, (size, version) in said["files"].items()},
            parts=said["parts"],
            segments=said["segments"],
            totals=said["totals"],
            cuts=Cuts(said["groups"], cuts, list(map(_cut, said["otherwise"]))),
            budget=said["budget"],
            ranks=[Ranks(*map(np.array, ranks)) for ranks in said["ranks"]],
            outcomes={
                (group, kept, why): (documents, tokens)
                for group, kept, why, documents, tokens in said["outcomes"]
            },
            # notes of an older rm_ray lack these
            alterations=Alterations(**said.get("alterations", {})),
            ties=[Tie(**tie) for tie in said.get("ties", [])],
            least_kept=said.get("least_kept"),
        )


def all_cuts(notes: Sequence[Notes]) -> Cuts:
    """Return the cuts of all groups. A group in several segments has the same cuts in each."""
    known = {
        group: cuts
        for segment in notes
        for group, cuts in zip(segment.cuts.groups, segment.cuts.cuts, strict=True)
    }
    cuts = [known[group] for group in sorted(known)]
    return Cuts(sorted(known), cuts, notes[0].cuts.otherwise)


def all_outcomes(notes: Iterable[Notes]) -> Outcomes:
    """Return the sum of the segments' outcomes."""
    return total_outcomes(segment.outcomes for segment in notes)


def all_alterations(notes: Iterable[Notes]) -> Alterations:
    """Return the sum of the segments' alterations."""
    return Alterations.merge(segment.alterations for segment in notes)


def all_ties(notes: Iterable[Notes]) -> list[Tie]:
    """Return the cuts of all segments that separate documents with equal rewards."""
    return [tie for segment in notes for tie in segment.ties]


def least_kept(notes: Sequence[Notes]) -> float | int | None:
    """Return the threshold that keeps the same documents; None if none does, or if there are
    several segments.
    """
    return notes[0].least_kept if len(notes) == 1 else None


def outcome_rows(notes: Iterable[Notes]) -> list[dict[str, Any]]:
    """Return the sum of the segments' outcomes as rows, for files that other programs read."""
    return [
        {"group": group, "kept": kept, "why": why, "documents": documents, "tokens": tokens}
        for (group, kept, why), (documents, tokens) in all_outcomes(notes).items()
    ]


def _cut(values: Mapping[str, Any] | None) -> Cut | None:
    return Cut(**values) if values else None
