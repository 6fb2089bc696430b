"""The counts of a filter."""

from dataclasses import dataclass

from rm_ray.counts.summable import spent
from rm_ray.run.counts import RunCounts


@dataclass
class FilterCounts(RunCounts):
    """Counts documents and files of bundles. `rows` (RunCounts) are the kept documents."""

    tokens: int = 0
    """Tokens of the kept documents."""
    files: int = 0
    """Files that were written."""
    bytes: int = 0
    """Bytes of the files that were written."""
    copy_seconds: float = spent(0.0)
    """Seconds that tasks took to copy."""
