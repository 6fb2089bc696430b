"""Passes over a few columns of the rewards: tasks count, and their counts are added up.

There is no sample, no shuffle, and no list of documents in the driver.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from rm_ray.corpus.groups import group_label
from rm_ray.counts.cells import ByGroup, Cells
from rm_ray.counts.cuts import LEVELS, Cut, Cuts, Places, Search, Targets
from rm_ray.counts.order import Ints, keys_of
from rm_ray.counts.ranks import SHIFTS, Ranks, count_keys, crowded
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.count.census import Census, census_of
from rm_ray.filter.count.documents import DocumentOrder, check_groups, renumbered
from rm_ray.filter.count.reader import RewardsReader
from rm_ray.filter.count.stretches import Stretch
from rm_ray.filter.rule import budgets, fixed_cuts, weight_of
from rm_ray.scored.passes import Pass, in_batches

log = logging.getLogger(__name__)

# Most documents that the driver gathers and sorts.
SORTED = 1_000_000
Result = TypeVar("Result")


@dataclass(frozen=True)
class Passes:
    """Runs passes over the stretches of a corpus."""

    stretches: Sequence[Stretch]
    """The stretches to count."""
    files: Sequence[str]
    """Names of the corpus files, by number."""
    cpus: float
    """CPUs reserved for one task."""
    progress_s: float
    """Seconds between log lines of progress."""

    def ranks(self, reader: RewardsReader) -> list[Ranks]:
        """Return the percentile ranks of each run's rewards, by which several runs are combined."""
        ranks = []
        for run, folder in enumerate(reader.runs):
            levels: list[Cells] = []
            opened: list[Ints] = []
            for number in range(len(SHIFTS)):
                log.info("ranks of %s, pass %d over %s", folder.uri, number + 1, self)
                levels.append(self._merged(_count_run, Cells.merge, reader, run, opened))
                documents = int(levels[0].documents.sum())
                opened = [*opened, crowded(levels[-1], documents)]
            ranks.append(Ranks.of(levels))
        return ranks

    def cuts(self, reader: RewardsReader, config: FilterConfig) -> tuple[Cuts, dict[str, int]]:
        """Find the cuts of each group, exact to one document.

        Returns:
            The cuts, and each group's budget, in the unit that `weight_of` names; no budgets for a
            fixed cut or for buckets.

        Raises:
            InputError: a budget or quota is impossible, or there are too many groups.
        """
        if not config.output.buckets and (fixed := fixed_cuts(config.rule, reader.kind)):
            return fixed, {}
        order = DocumentOrder(config.rule.seed, config.rule.temperature)
        log.info("counting rewards, pass 1 over %s", self)
        counted = self._merged(_count_groups, merge_groups, reader, order)
        groups = counted.groups or ([] if config.rule.by else [group_label([])])
        supply = np.stack(counted.cells.by_parent(len(groups)), axis=1).tolist()
        group_budgets = budgets(config, groups, supply)
        budget = {}
        if not config.output.buckets:
            budget = {label: most for label, (most,) in zip(groups, group_budgets, strict=True)}
        cuts: list[list[Cut | None]] = [[None] * len(of_group) for of_group in group_budgets]
        weight, search, targets = weight_of(config.rule), Search(), Targets.of(group_budgets)
        cells = counted.cells
        while True:
            search, targets, inside = targets.narrow(search, cells, weight)
            if not len(targets.groups):
                return Cuts(groups, cuts), budget
            number = len(search.levels) + 1
            log.info(
                "counting rewards, pass %d: %d documents may still be on either side of a cut",
                number,
                inside,
            )
            if inside <= SORTED or len(search.levels) == LEVELS:
                break
            cells = self._merged(_count_open, Cells.merge, reader, order, search, groups)
        gathered = Places.concatenate(self._each(_gather, reader, order, search, groups))
        for group, number, cut in targets.settle(search, gathered, self.files, weight):
            cuts[group][number] = cut
        return Cuts(groups, cuts), budget

    def census(self, reader: RewardsReader, config: FilterConfig, cuts: Cuts) -> Census:
        """Count how many documents are kept, and why the others are not."""
        log.info("counting the documents to keep, of %s", self)
        census: Census = self._merged(_take_census, Census.merge, reader, config, cuts)
        return census

    def __str__(self) -> str:
        rows = sum(stretch.stop - stretch.start for stretch in self.stretches)
        return f"{rows:,} documents in {len(self.files):,} files"

    def _each(
        self, count: Callable[..., Result], reader: RewardsReader, *settings: Any
    ) -> list[Result]:
        """Run a counting function in tasks; return one result per batch of stretches."""
        return self._over.each(count, reader, *settings)

    def _merged(
        self,
        count: Callable[..., Any],
        merge: Callable[[Sequence[Any]], Result],
        reader: RewardsReader,
        *settings: Any,
    ) -> Result:
        """Run a counting function in tasks; return the merged result."""
        return self._over.merged(count, merge, reader, *settings)

    @property
    def _over(self) -> Pass[Stretch]:
        batches = list(in_batches(self.stretches, lambda stretch: stretch.stop - stretch.start))
        return Pass(batches, self.cpus, self.progress_s)


def merge_groups(many: Sequence[ByGroup]) -> ByGroup:
    """Return the sum. Raises InputError if there are more than MOST_GROUPS groups."""
    merged = ByGroup.merge(many)
    check_groups(merged.groups)
    return merged


def _count_run(
    stretches: Sequence[Stretch], reader: RewardsReader, run: int, opened: Sequence[Ints]
) -> Cells:
    rewards = (reader.rewards_of_run(stretch, run) for stretch in stretches)
    return Cells.merge([count_keys(keys_of(numbers)[0], opened) for numbers in rewards])


def _count_groups(
    stretches: Sequence[Stretch], reader: RewardsReader, order: DocumentOrder
) -> ByGroup:
    counts = []
    for stretch in stretches:
        documents = reader.read(stretch)
        places = order.places(documents, stretch, documents.eligible)
        counts.append(ByGroup(documents.groups, Search().count(places)))
    return merge_groups(counts)


def _count_open(
    stretches: Sequence[Stretch],
    reader: RewardsReader,
    order: DocumentOrder,
    search: Search,
    groups: list[str],
) -> Cells:
    return Cells.merge(
        [search.count(_places(stretch, reader, order, groups)) for stretch in stretches]
    )


def _gather(
    stretches: Sequence[Stretch],
    reader: RewardsReader,
    order: DocumentOrder,
    search: Search,
    groups: list[str],
) -> Places:
    return Places.concatenate(
        [search.descend(_places(stretch, reader, order, groups))[0] for stretch in stretches]
    )


def _take_census(
    stretches: Sequence[Stretch], reader: RewardsReader, config: FilterConfig, cuts: Cuts
) -> Census:
    return Census.merge([census_of(stretch, reader, config, cuts) for stretch in stretches])


def _places(
    stretch: Stretch, reader: RewardsReader, order: DocumentOrder, groups: Sequence[str]
) -> Places:
    documents = reader.read(stretch)
    return order.places(renumbered(documents, groups), stretch, documents.eligible)
