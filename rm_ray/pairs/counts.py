"""What the pairs job counts."""

from dataclasses import dataclass, field

from rm_ray.score.counts import ScoreCounts


@dataclass
class PairCounts(ScoreCounts):
    """Of a part's pairs: how many by `kinds`, `splits`, `extents` and `contexts`; and by kind those
    that were `given_up`, since every try to make them worse changed nothing or left too little.

    Of processes, `windows` are the pairs that an engine has written.
    """

    kinds: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    extents: dict[str, int] = field(default_factory=dict)
    contexts: dict[str, int] = field(default_factory=dict)
    given_up: dict[str, int] = field(default_factory=dict)
