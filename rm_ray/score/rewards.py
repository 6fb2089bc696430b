"""The output: one row a document.

Pure; knows nothing of engines or storage.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from rm_ray.judges.calibration import COLUMN, Calibration
from rm_ray.judges.judge import Verdict


def reward_table(
    source_file: str,
    rows: pa.Array,
    carried: Mapping[str, pa.Array],
    lengths: Sequence[int],
    verdicts: Sequence[Verdict],
    family: pa.Schema,
    calibration: Calibration | None = None,
) -> pa.Table:
    """The output rows of some documents, in the order given.

    Args:
        rows: their numbers in the file.
        carried: columns that are copied.
        lengths: their tokens.
        family: the judge's own columns, whose values are among the verdicts' `more`.
        calibration: makes the column `p_chosen` beside the reward.
    """
    n = len(verdicts)
    table = dict(carried)
    table["source_file"] = pa.array([source_file] * n, pa.string())
    table["row"] = rows
    table["reward"] = pa.array([v.reward for v in verdicts], pa.float32())
    table["n_tokens"] = pa.array(lengths, pa.int64())
    table["status"] = pa.array([v.status for v in verdicts], pa.string())
    table["error"] = pa.array([v.error for v in verdicts], pa.string())
    for column in family:
        table[column.name] = pa.array([v.more.get(column.name) for v in verdicts], column.type)
    made = pa.table(table)
    if calibration is None:
        return made
    place = made.column_names.index("reward") + 1
    return made.add_column(place, COLUMN, calibration.p_chosen(made))
