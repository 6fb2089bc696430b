"""What each group may keep, from the rule and from what is there of it."""

import pytest

from rm_ray.counts.cells import ByGroup, Cells
from rm_ray.errors import InputError
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.count.census import Census
from rm_ray.filter.count.documents import MOST_GROUPS
from rm_ray.filter.count.passes import merge_groups
from rm_ray.filter.rule import budgets

EN, DE = '["en"]', '["de"]'


def budget(groups, supply, buckets=None, **rule) -> list[list[int]]:
    told = {"rewards": {"path": "r"}, "output": {"path": "o", "buckets": buckets}, "rule": rule}
    return budgets(FilterConfig.model_validate(told), groups, supply)


@pytest.mark.parametrize(
    ("documents", "sizes"),
    [
        (8, [2, 2, 2, 2]),
        (0, [0, 0, 0, 0]),
        (1, [0, 0, 1, 0]),
        (2, [0, 1, 0, 1]),
        (3, [1, 0, 1, 1]),
        (5, [1, 1, 2, 1]),
    ],
)
def test_a_bucket_is_a_quarter_of_the_middles_of_ranks(documents, sizes):
    """The sizes of four buckets, the worst first: of two documents the middles are 1/4 and 3/4."""
    (before,) = budget([EN], [(documents, 0)], buckets=4)
    found = [0] * 4
    for rank in range(documents):
        found[3 - sum(documents - rank > cut for cut in before)] += 1
    assert found == sizes


def test_groups_of_which_no_document_counts():
    """They fall short of a quota, but for one of 0, and need none."""
    groups, supply = [DE, EN], [(0, 0), (5, 50)]
    with pytest.raises(InputError, match="2 documents are asked for of the group de, and 0 are"):
        budget(groups, supply, by="lang", keep_documents=2)
    with pytest.raises(InputError, match="no document of de has a reward"):
        budget(groups, supply, by="lang", keep_fraction={"de": 0.5, "*": 1})
    assert budget(groups, supply, by="lang", keep_documents=2, short="take_all") == [[2], [2]]
    ((all_there_are,), _) = budget(
        groups, supply, by="lang", keep_documents=10**20, short="take_all"
    )
    assert all_there_are == 2**63 - 1
    assert budget(groups, supply, by="lang", keep_documents={"de": 0, "*": 2}) == [[0], [2]]
    assert budget(groups, supply, by="lang", keep_documents={"en": 2}) == [[0], [2]]
    with pytest.raises(InputError, match="no document of fr has a reward"):
        budget(groups, supply, by="lang", keep_documents={"fr": 0, "*": 2})


def test_more_groups_than_groups_there_can_be():
    """One more in two tasks together, with cuts and without."""
    labels = [f'["{number}"]' for number in range(MOST_GROUPS + 1)]
    none = Cells.merge([])
    halves = labels[: MOST_GROUPS // 2], labels[MOST_GROUPS // 2 :]
    merge_groups([ByGroup(half, none) for half in halves][:1])
    with pytest.raises(InputError, match=r"rule\.by: there are more than 100,000 groups"):
        merge_groups([ByGroup(half, none) for half in halves])
    many = [
        Census(none, {(label, True, "chosen"): (1, 1) for label in half}, none) for half in halves
    ]
    with pytest.raises(InputError, match="give columns whose values documents share"):
        Census.merge(many)
