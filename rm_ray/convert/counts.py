"""The counts of a conversion."""

from dataclasses import dataclass, field

from rm_ray.counts.summable import spent
from rm_ray.run.counts import RunCounts

# A part counts so many names of fields at most; the fields after these are counted together.
MOST_NAMES = 1_000
OTHER_NAMES = "(further fields)"


@dataclass
class ConvertCounts(RunCounts):
    """Counts lines and files of shards. `documents` (RunCounts) are the lines that are not empty,
    and `rows` the lines that were converted.
    """

    empty_lines: int = 0
    """Lines that are empty."""
    rejected: dict[str, int] = field(default_factory=dict)
    """Rejected lines by reason. A damaged end of a file counts as one line."""
    unplanned: dict[str, int] = field(default_factory=dict)
    """Values of fields that were not planned, by field; their JSON text is in the extra column."""
    misfits: dict[str, int] = field(default_factory=dict)
    """Values that do not fit their column, by field; their JSON text is in the extra column."""
    files: int = 0
    """Files with converted lines."""
    bytes: int = 0
    """Bytes of these files."""
    reject_files: int = 0
    """Files with rejected lines."""
    slow_lines: int = spent(0)
    """Lines that were read one by one."""
    bytes_read: int = spent(0)
    """Bytes of input files that were read."""

    def add_names(self, counts: dict[str, int], names: "list[str]") -> None:
        """Count fields by name.

        Args:
            counts: `unplanned` or `misfits`.
            names: names of the fields.
        """
        for name in names:
            key = name if name in counts or len(counts) < MOST_NAMES else OTHER_NAMES
            counts[key] = counts.get(key, 0) + 1
