"""A candidate for an alert: what one rule found in one group."""

from dataclasses import dataclass

from rm_ray.report.figures import Rule

# The label of a group, and a rule.
Key = tuple[str | None, str]


@dataclass(frozen=True)
class Candidate:
    """An effect that one rule found in one group: an alert, if it matters and is not chance."""

    label: str | None
    """Label of the group; None for all documents."""
    rule: Rule
    """Rule that made the candidate."""
    effect: float
    """Size of the effect, in the rule's own measure."""
    threshold: float
    """An effect matters from this size on."""
    past: bool
    """True if the effect is past the threshold, so that it matters."""
    p: float
    """How often chance makes the effect."""
    sentence: str
    """The effect in words."""
    kind: str = ""
    """The measure, if a rule has several."""
    strength: float = 0.0
    """Signed size that later nights compare: for a ratio its logarithm, else the effect. A
    standing alert keeps the value of its first night. 0: sizes of this alert cannot be compared.
    """

    @property
    def key(self) -> Key:
        """Return the group and the rule: a rule alerts once for each group."""
        return self.label, self.rule
