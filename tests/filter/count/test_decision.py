"""A rule decides on documents in memory."""

import numpy as np
import pyarrow as pa
import pytest

from rm_ray.filter.config import FilterConfig
from rm_ray.filter.count.decision import decide
from rm_ray.filter.count.documents import Documents
from rm_ray.filter.count.stretches import Stretch
from rm_ray.filter.rule import fixed_cuts


@pytest.mark.parametrize(("invert", "kept"), [(False, [1]), (True, [2])])
def test_what_is_left_out_by_itself_is_kept_by_no_rule(invert, kept):
    """Rewards 3, 2, 1, 0; the first and the last document are in `leave_out.path`."""
    again, flags = np.array([True, False, False, True]), np.ones(4, bool)
    documents = Documents(
        rows=np.arange(4), reward=np.array([3, 2, 1, 0], np.float32), has=flags,
        tokens=np.ones(4, np.int64), weights=np.ones(4, np.int64), scored=flags,
        statuses=pa.array(["ok"] * 4), again=again, counts=~again, deleted=~flags, written=flags,
        groups=["[]"], codes=np.zeros(4, np.int64), rewards=pa.table({"row": np.arange(4)}),
    )  # fmt: skip
    rule = {"min_reward": 1.5, "invert": invert}
    config = FilterConfig(rewards={"path": "x"}, output={"path": "y"}, rule=rule)
    stretch = Stretch("f", 0, 0, 4, ((),), 0)
    found = decide(documents, stretch, config, fixed_cuts(config.rule, "float32"))
    assert np.flatnonzero(found.kept).tolist() == kept
