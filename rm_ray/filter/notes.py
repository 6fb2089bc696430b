"""What the plan of a filter keeps with each of its segments, and a resumed run goes by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rm_ray.corpus.files import InputFile
from rm_ray.counts.cells import Cells
from rm_ray.counts.cuts import Cut, Cuts
from rm_ray.counts.ranks import Ranks
from rm_ray.filter.bundles import PlannedFolder
from rm_ray.filter.copying import Parts
from rm_ray.filter.decision import Outcomes
from rm_ray.filter.passes import Census
from rm_ray.filter.units import Layout
from rm_ray.run.job import Planning
from rm_ray.run.scored import ScoredRun


@dataclass(frozen=True)
class FilterPlanning(Planning[PlannedFolder]):
    """`census` and `layout`: of what is newly planned; None where nothing is."""

    census: Census | None = None
    layout: Layout | None = None


@dataclass(frozen=True)
class Notes:
    """`files`: size and version by path. `parts`: of each run, the hash by the part's name;
    `segments`: of each run, what was read of its plan. `outcomes` as in Census.
    """

    files: dict[str, tuple[int, str]]
    parts: list[dict[str, str]]
    segments: list[list[int]]
    cuts: Cuts
    ranks: list[Ranks]
    outcomes: Outcomes

    @classmethod
    def of(
        cls,
        files: Iterable[InputFile],
        runs: Sequence[ScoredRun],
        parts: Sequence[Parts],
        cuts: Cuts,
        ranks: Sequence[Ranks],
        census: Census,
    ) -> "Notes":
        """Of these files."""
        known = {file.path: (file.size, file.version) for file in files}
        read = [
            {part.shard.part: part.hash for path in known for part in theirs.get(path, ())}
            for theirs in parts
        ]
        return cls(known, read, [run.segments for run in runs], cuts, list(ranks), census.outcomes)

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
            "groups": self.cuts.groups,
            "cuts": [[cut and asdict(cut) for cut in cuts] for cuts in self.cuts.cuts],
            "ranks": [[_plain(one.coarse), _plain(one.fine)] for one in self.ranks],
            "outcomes": [[*what, *count] for what, count in self.outcomes.items()],
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Notes":
        """The notes that `to_json` wrote."""
        cuts = [[cut and Cut(**cut) for cut in cuts] for cuts in said["cuts"]]
        return cls(
            files={path: (size, version) for path, (size, version) in said["files"].items()},
            parts=said["parts"],
            segments=said["segments"],
            cuts=Cuts(said["groups"], cuts),
            ranks=[Ranks(_cells(coarse), _cells(fine)) for coarse, fine in said["ranks"]],
            outcomes={
                (group, kept, why): (documents, tokens)
                for group, kept, why, documents, tokens in said["outcomes"]
            },
        )


def all_cuts(notes: Iterable[Notes]) -> Cuts:
    """The cuts of all groups; one that is in several segments has the same in all of them."""
    known = {
        group: cuts
        for each in notes
        for group, cuts in zip(each.cuts.groups, each.cuts.cuts, strict=True)
    }
    return Cuts(sorted(known), [known[group] for group in sorted(known)])


def all_outcomes(notes: Iterable[Notes]) -> Outcomes:
    """The sum of their outcomes."""
    found: Outcomes = {}
    for each in notes:
        for what, (documents, tokens) in each.outcomes.items():
            before = found.get(what, (0, 0))
            found[what] = before[0] + documents, before[1] + tokens
    return dict(sorted(found.items()))


def outcome_rows(notes: Iterable[Notes]) -> list[dict[str, Any]]:
    """The sum of their outcomes, for files that are read by others."""
    return [
        {"group": group, "kept": kept, "why": why, "documents": documents, "tokens": tokens}
        for (group, kept, why), (documents, tokens) in all_outcomes(notes).items()
    ]


def _plain(cells: Cells) -> list[list[int]]:
    return [column.tolist() for column in vars(cells).values()]


def _cells(columns: Sequence[Sequence[int]]) -> Cells:
    return Cells(*(np.array(column, np.int64) for column in columns))
