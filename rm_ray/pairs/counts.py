"""The counts of the pairs job."""

from dataclasses import dataclass, field

from rm_ray.score.counts import ScoreCounts


@dataclass
class PairCounts(ScoreCounts):
    """PairCounts counts the pairs of a part.

    The field `windows`, which is inherited, counts the pairs that an engine has written.
    """

    kinds: dict[str, int] = field(default_factory=dict)
    """Number of pairs by kind."""
    splits: dict[str, int] = field(default_factory=dict)
    """Number of pairs by split, train or validation."""
    extents: dict[str, int] = field(default_factory=dict)
    """Number of pairs by extent, all or part."""
    contexts: dict[str, int] = field(default_factory=dict)
    """Number of pairs by context, clean or broken."""
    given_up: dict[str, int] = field(default_factory=dict)
    """Number of drawn pairs, by kind, that every try left unchanged or too short."""
