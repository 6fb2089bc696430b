"""Makes the output of scoring: one row per document.

Pure: it needs no engine and no storage.
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
    """Make the output rows of some documents, in the order given.

    Args:
        source_file: the file that holds the documents.
        rows: their numbers in the file.
        carried: columns that are copied, by name.
        lengths: their tokens.
        verdicts: their verdicts.
        family: the judge's own columns; their values are in `more` of the verdicts.
        calibration: makes the column `p_chosen` beside the reward; None for no such column.
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
    rewards = pa.table(table)
    if calibration is None:
        return rewards
    place = rewards.column_names.index("reward") + 1
    return rewards.add_column(place, COLUMN, calibration.p_chosen(rewards))
