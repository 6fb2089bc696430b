"""The counts of a conversion of a Lance dataset."""

from dataclasses import dataclass

from rm_ray.run.counts import RunCounts


@dataclass
class LanceCounts(RunCounts):
    """LanceCounts counts rows and files of shards. No row is rejected."""

    files: int = 0
    """Files with rows."""
    bytes: int = 0
    """Bytes of these files."""
