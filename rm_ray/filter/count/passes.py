"""Passes over the rewards' few columns: tasks count, counts are merged by addition.

No sample, no shuffle, and no list of documents in the driver.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from rm_ray.counts.cells import ByGroup, Cells
from rm_ray.counts.cuts import LEVELS, Cut, Cuts, Places, Search, Targets
from rm_ray.counts.order import Ints, keys_of
from rm_ray.counts.ranks import SHIFTS, Ranks, count_keys, crowded
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.count.census import Census, census_of
from rm_ray.filter.count.documents import Order, check_groups, renumbered
from rm_ray.filter.count.reader import Reader
from rm_ray.filter.count.stretches import Stretch
from rm_ray.filter.rule import budgets, fixed_cuts, weight_of
from rm_ray.scored.groups import group_label
from rm_ray.scored.passes import Pass, in_batches

log = logging.getLogger(__name__)

# Few enough documents to be gathered and sorted by the driver.
SORTED = 1_000_000
Result = TypeVar("Result")


@dataclass(frozen=True)
class Passes:
    """Over the stretches of a corpus. `files`: their names, by number. `cpus`: of one task."""

    stretches: Sequence[Stretch]
    files: Sequence[str]
    cpus: float
    progress_s: float

    def ranks(self, reader: Reader) -> list[Ranks]:
        """The percentile ranks of each run's rewards, where several are combined."""
        found = []
        for run, folder in enumerate(reader.runs):
            levels: list[Cells] = []
            opened: list[Ints] = []
            for number in range(len(SHIFTS)):
                log.info("ranks of %s, pass %d over %s", folder.uri, number + 1, self)
                levels.append(self._merged(_count_run, Cells.merge, reader, run, opened))
                documents = int(levels[0].documents.sum())
                opened = [*opened, crowded(levels[-1], documents)]
            found.append(Ranks.of(levels))
        return found

    def cuts(self, reader: Reader, config: FilterConfig) -> tuple[Cuts, dict[str, int]]:
        """Where each group is cut, exact to one document; and how much each may keep, in what
        `weight_of` says, where a rule has a budget.

        Raises:
            InputError: a budget or quota is impossible, or there are too many groups.
        """
        if not config.output.buckets and (fixed := fixed_cuts(config.rule, reader.kind)):
            return fixed, {}
        order = Order(config.rule.seed, config.rule.temperature)
        log.info("counting rewards, pass 1 over %s", self)
        counted = self._merged(_count_groups, merge_groups, reader, order)
        groups = counted.groups or ([] if config.rule.by else [group_label([])])
        supply = np.stack(counted.cells.by_parent(len(groups)), axis=1).tolist()
        wanted = budgets(config, groups, supply)
        budget = {}
        if not config.output.buckets:
            budget = {label: one for label, (one,) in zip(groups, wanted, strict=True)}
        cuts: list[list[Cut | None]] = [[None] * len(each) for each in wanted]
        weight, search, targets = weight_of(config.rule), Search(), Targets.of(wanted)
        cells = counted.cells
        while True:
            search, targets, inside = targets.narrow(search, cells, weight)
            if not len(targets.groups):
                return Cuts(groups, cuts), budget
            number = len(search.levels) + 1
            log.info("counting rewards, pass %d: %d documents are next to a cut", number, inside)
            if inside <= SORTED or len(search.levels) == LEVELS:
                break
            cells = self._merged(_count_open, Cells.merge, reader, order, search, groups)
        gathered = Places.concatenate(self._each(_gather, reader, order, search, groups))
        for group, number, cut in targets.settle(search, gathered, self.files, weight):
            cuts[group][number] = cut
        return Cuts(groups, cuts), budget

    def census(self, reader: Reader, config: FilterConfig, cuts: Cuts) -> Census:
        """What becomes of all documents."""
        log.info("counting what is kept, of %s", self)
        found: Census = self._merged(_take_census, Census.merge, reader, config, cuts)
        return found

    def __str__(self) -> str:
        rows = sum(stretch.stop - stretch.start for stretch in self.stretches)
        return f"{rows:,} documents in {len(self.files):,} files"

    def _each(self, count: Callable[..., Result], reader: Reader, *more: Any) -> list[Result]:
        """What a function counts, one result for each batch of stretches."""
        return self._over.each(count, reader, *more)

    def _merged(
        self,
        count: Callable[..., Any],
        merge: Callable[[Sequence[Any]], Result],
        reader: Reader,
        *more: Any,
    ) -> Result:
        """The sum of what a function counts."""
        return self._over.merged(count, merge, reader, *more)

    @property
    def _over(self) -> Pass[Stretch]:
        batches = list(in_batches(self.stretches, lambda stretch: stretch.stop - stretch.start))
        return Pass(batches, self.cpus, self.progress_s)


def merge_groups(many: Sequence[ByGroup]) -> ByGroup:
    """The sum. Raises InputError where there are more groups than groups there can be."""
    found = ByGroup.merge(many)
    check_groups(found.groups)
    return found


def _count_run(
    stretches: Sequence[Stretch], reader: Reader, run: int, opened: Sequence[Ints]
) -> Cells:
    rewards = (reader.rewards_of_run(stretch, run) for stretch in stretches)
    return Cells.merge([count_keys(keys_of(theirs)[0], opened) for theirs in rewards])


def _count_groups(stretches: Sequence[Stretch], reader: Reader, order: Order) -> ByGroup:
    found = []
    for stretch in stretches:
        documents = reader.read(stretch)
        places = order.places(documents, stretch, documents.eligible)
        found.append(ByGroup(documents.groups, Search().count(places)))
    return merge_groups(found)


def _count_open(
    stretches: Sequence[Stretch], reader: Reader, order: Order, search: Search, groups: list[str]
) -> Cells:
    return Cells.merge(
        [search.count(_places(stretch, reader, order, groups)) for stretch in stretches]
    )


def _gather(
    stretches: Sequence[Stretch], reader: Reader, order: Order, search: Search, groups: list[str]
) -> Places:
    return Places.concatenate(
        [search.descend(_places(stretch, reader, order, groups))[0] for stretch in stretches]
    )


def _take_census(
    stretches: Sequence[Stretch], reader: Reader, config: FilterConfig, cuts: Cuts
) -> Census:
    return Census.merge([census_of(stretch, reader, config, cuts) for stretch in stretches])


def _places(stretch: Stretch, reader: Reader, order: Order, groups: Sequence[str]) -> Places:
    documents = reader.read(stretch)
    return order.places(renumbered(documents, groups), stretch, documents.eligible)
