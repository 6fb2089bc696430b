"""What the plan of a filter keeps with each of its segments, and a resumed run goes by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from rm_ray.corpus.files import InputFile
from rm_ray.counts.cuts import Cut, Cuts
from rm_ray.counts.ranks import Ranks
from rm_ray.filter.config import RuleConfig
from rm_ray.filter.copy.keeping import Alterations
from rm_ray.filter.count.census import Census
from rm_ray.filter.count.decision import Outcomes, total_outcomes
from rm_ray.filter.count.stretches import Parts
from rm_ray.filter.count.ties import Tie
from rm_ray.scored.run import ScoredRun


@dataclass(frozen=True)
class Notes:
    """`files`: size and version by path. `parts`: of each run, the hash by the part's name;
    `segments`: of each run, what was read of its plan, and `totals` what it said of itself; None
    while it was not complete. `budget`: of each group, in what the rule
    counts; none where it has no budget. `outcomes` as in Census. `alterations`: what is not
    written as these files have it.
    """

    files: dict[str, tuple[int, str]]
    parts: list[dict[str, str]]
    segments: list[list[int]]
    totals: list[dict[str, Any] | None]
    cuts: Cuts
    budget: dict[str, int]
    ranks: list[Ranks]
    outcomes: Outcomes
    alterations: Alterations
    ties: list[Tie] = field(default_factory=list)
    """The cuts that part documents with equal rewards."""
    least_kept: float | int | None = None
    """The least reward that is kept, where a threshold there keeps the same documents."""

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
        rule: RuleConfig,
    ) -> "Notes":
        """Of these files."""
        known = {file.path: (file.size, file.version) for file in files}
        read = [
            {part.shard.part: part.hash for path in known for part in theirs.get(path, ())}
            for theirs in parts
        ]
        by_reward = rule.temperature is None and not rule.invert
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
        """Documents that are kept of these files."""
        return sum(documents for (_, kept, _), (documents, _) in self.outcomes.items() if kept)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "files": self.files,
            "parts": self.parts,
            "segments": self.segments,
            "totals": self.totals,
            "groups": self.cuts.groups,
            "cuts": [[cut and asdict(cut) for cut in cuts] for cuts in self.cuts.cuts],
            "otherwise": [cut and asdict(cut) for cut in self.cuts.otherwise],
            "budget": self.budget,
            "ranks": [[one.bounds.tolist(), one.ranks.tolist()] for one in self.ranks],
            "outcomes": [[*what, *count] for what, count in self.outcomes.items()],
            "alterations": asdict(self.alterations),
            "ties": [asdict(tie) for tie in self.ties],
            "least_kept": self.least_kept,
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Notes":
        """The notes that `to_json` wrote."""
        cuts = [list(map(_cut, cuts)) for cuts in said["cuts"]]
        return cls(
            files={path: (size, version) for path, (size, version) in said["files"].items()},
            parts=said["parts"],
            segments=said["segments"],
            totals=said["totals"],
            cuts=Cuts(said["groups"], cuts, list(map(_cut, said["otherwise"]))),
            budget=said["budget"],
            ranks=[Ranks(*map(np.array, one)) for one in said["ranks"]],
            outcomes={
                (group, kept, why): (documents, tokens)
                for group, kept, why, documents, tokens in said["outcomes"]
            },
            # a filter that was begun by an older rm_ray has none of these
            alterations=Alterations(**said.get("alterations", {})),
            ties=[Tie(**tie) for tie in said.get("ties", [])],
            least_kept=said.get("least_kept"),
        )


def all_cuts(notes: Sequence[Notes]) -> Cuts:
    """The cuts of all groups; only those that are the same in all segments are in several."""
    known = {
        group: cuts
        for each in notes
        for group, cuts in zip(each.cuts.groups, each.cuts.cuts, strict=True)
    }
    cuts = [known[group] for group in sorted(known)]
    return Cuts(sorted(known), cuts, notes[0].cuts.otherwise)


def all_outcomes(notes: Iterable[Notes]) -> Outcomes:
    """The sum of their outcomes."""
    return total_outcomes(each.outcomes for each in notes)


def all_alterations(notes: Iterable[Notes]) -> Alterations:
    """The sum of their alterations."""
    return Alterations.merge(each.alterations for each in notes)


def all_ties(notes: Iterable[Notes]) -> list[Tie]:
    """The cuts of all segments that part documents with equal rewards."""
    return [tie for each in notes for tie in each.ties]


def least_kept(notes: Sequence[Notes]) -> float | int | None:
    """The threshold that keeps the same documents; None where there is none, or more segments."""
    return notes[0].least_kept if len(notes) == 1 else None


def outcome_rows(notes: Iterable[Notes]) -> list[dict[str, Any]]:
    """The sum of their outcomes, for files that are read by others."""
    return [
        {"group": group, "kept": kept, "why": why, "documents": documents, "tokens": tokens}
        for (group, kept, why), (documents, tokens) in all_outcomes(notes).items()
    ]


def _cut(said: Mapping[str, Any] | None) -> Cut | None:
    return Cut(**said) if said else None
