"""Every list of the families names the same ones."""

from typing import get_args

from rm_ray.judges.families import BUILDERS
from rm_ray.judges.keys import Family
from rm_ray.judges.sections import SECTIONS, JudgeConfig


def test_a_family_is_in_every_list_of_families():
    union, *_ = get_args(JudgeConfig)
    tags = {kind.__metadata__[0].tag: kind.__origin__ for kind in get_args(union)}
    assert tags == {f"[{name}]": section for name, section in SECTIONS.items()}
    assert list(SECTIONS) == list(get_args(Family))
    assert list(BUILDERS) == list(SECTIONS.values())
