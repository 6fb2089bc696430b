"""What a run counts of any job."""

from dataclasses import dataclass, field

from rm_ray.counts import Summable, spent


@dataclass
class RunCounts(Summable):
    """Of a part, or of many; a job adds fields of its own.

    `documents`: rows of the corpus, with what became of them by `statuses`, of which `failed` is
    the run's own word. `rows`: those written. `parts` that were committed, `commit_seconds`: what
    that took.
    """

    documents: int = 0
    rows: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    parts: int = spent(0)
    commit_seconds: float = spent(0.0)
