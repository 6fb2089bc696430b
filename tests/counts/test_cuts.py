"""Cuts found in counts are those of a full sort, however documents are split."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.counts.cells import ByGroup, Cells
from rm_ray.counts.cuts import LEVELS, Cut, Cuts, Places, Search, Targets
from rm_ray.counts.order import best_first, hash_rows

FILES = ["b", "a", "c"]
SUBNORMAL = float(np.float32(1e-42))
REWARDS = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, SUBNORMAL, -SUBNORMAL, 1.0, -1.0]),
)


@st.composite
def populations(draw):
    rewards = draw(st.lists(REWARDS, min_size=1, max_size=60))
    if draw(st.booleans()):
        rewards = rewards[:1] * len(rewards)
    n = len(rewards)
    groups = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    files = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    rows = np.arange(n)
    hashes = np.zeros(n, np.uint64)
    for number, name in enumerate(FILES):
        hashes[files == number] = hash_rows("cut 0", name, rows[files == number])
    if draw(st.booleans()):
        hashes[:] = 5  # two hashes may be equal
    tokens = np.array(draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)), np.int64)
    keys = best_first(np.array(rewards, np.float32))
    return Places(np.array(groups, np.int64), keys, hashes, files, rows, tokens), rewards


def find(places, budgets, weight, sorted_at_once, splits):
    """As passes do: count in splits, open cells, sort what is left."""
    parts = [places.take(part) for part in np.array_split(np.arange(len(places.keys)), splits)]
    cuts = [[None] * len(each) for each in budgets]
    search, targets = Search(), Targets.of(budgets)
    while True:
        counted = Cells.merge([search.count(part) for part in parts])
        search, targets, inside = targets.narrow(search, counted, weight)
        if inside <= sorted_at_once or len(search.levels) == LEVELS:
            break
    gathered = Places.concatenate([search.descend(part)[0] for part in parts])
    for group, number, cut in targets.settle(search, gathered, FILES, weight):
        cuts[group][number] = cut
    return cuts


def beyond(cuts, places):
    found = np.zeros(len(places.keys), np.int64)
    names = [str(group) for group in range(len(cuts))]
    for number, name in enumerate(FILES):
        here = places.files == number
        found[here] = Cuts(names, cuts).beyond(names, places.take(here), name)
    return found.tolist()


def by_sorting(places, rewards, budgets, weight):
    found = [0] * len(rewards)
    for group, each in enumerate(budgets):
        theirs = [i for i in range(len(rewards)) if places.groups[i] == group]
        theirs.sort(key=lambda i: (-rewards[i], int(places.hashes[i]), FILES[places.files[i]], i))
        for budget in each:
            taken, over = 0, False
            for i in theirs:
                taken += 1 if weight == "documents" else int(places.tokens[i])
                over = over or taken > budget
                found[i] += over
    return found


@given(
    populations(),
    st.lists(st.lists(st.integers(0, 80), min_size=2, max_size=2), min_size=4, max_size=4),
    st.sampled_from(["documents", "tokens"]),
    st.sampled_from([0, 5, 1000]),
    st.integers(1, 7),
)
def test_a_cut_is_that_of_a_full_sort(population, budgets, weight, sorted_at_once, splits):
    places, rewards = population
    cuts = find(places, budgets, weight, sorted_at_once, splits)
    assert beyond(cuts, places) == by_sorting(places, rewards, budgets, weight)
    assert cuts == find(places, budgets, weight, 1000, 1)


@pytest.mark.slow
@pytest.mark.parametrize("groups", [1, 1000])
def test_many_documents_and_groups(groups):
    rng = np.random.default_rng(groups)
    n = 20_000
    rewards = (rng.integers(0, 50, n) / 7).astype(np.float32)
    rows = np.arange(n)
    places = Places(
        rng.integers(0, groups, n), best_first(rewards), hash_rows("s", "b", rows),
        np.zeros(n, np.int64), rows, rng.integers(0, 9, n),
    )  # fmt: skip
    budgets = [[7, 3]] * groups
    cuts = find(places, budgets, "documents", 100, 5)
    assert beyond(cuts, places) == by_sorting(places, rewards, budgets, "documents")


def test_by_hand():
    """Three of five by tokens: 4 + 3 fit into 8, and the next, of 2, does not."""
    rewards, rows = np.array([1, 5, 3, 4, 2], np.float32), np.arange(5)
    places = Places(
        np.zeros(5, np.int64), best_first(rewards), rows.astype(np.uint64),
        np.zeros(5, np.int64), rows, np.array([1, 4, 2, 3, 9]),
    )  # fmt: skip
    ((cut,),) = find(places, [[8]], "tokens", 1000, 2)
    assert cut == Cut(int(best_first(np.float32([3]))[0]), 2, "b", 2)
    assert beyond([[cut]], places) == [1, 0, 1, 0, 1]
    assert find(places, [[19]], "tokens", 1000, 2) == [[None]]


def test_groups_are_merged_by_name():
    one = ByGroup(["b"], Cells.count(np.array([0, 0, 7]), np.array([1, 2, 3])))
    other = ByGroup(["a", "b"], Cells.count(np.array([1, (1 << 16) + 7]), np.array([4, 5])))
    both = ByGroup.merge([one, other])
    assert both.groups == ["a", "b"]
    assert both.cells.cells.tolist() == [1, 1 << 16, (1 << 16) + 7]
    assert both.cells.documents.tolist() == [1, 2, 2]
    assert both.cells.tokens.tolist() == [4, 3, 8]
    assert [column.tolist() for column in both.cells.by_parent(2)] == [[1, 4], [4, 11]]
