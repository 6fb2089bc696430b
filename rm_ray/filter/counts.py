"""What filtering counts."""

from dataclasses import dataclass

from rm_ray.counts.summable import spent
from rm_ray.run.counts import RunCounts


@dataclass
class FilterCounts(RunCounts):
    """Of bundles: `rows` are the documents kept, with `tokens`; `files` of `bytes` were written.

    Of tasks: `copy_seconds` that they took.
    """

    tokens: int = 0
    files: int = 0
    bytes: int = 0
    copy_seconds: float = spent(0.0)
