"""What the page and the summary say in words of a group's figures and of the nights behind them."""

from collections.abc import Callable, Sequence

from rm_ray.report.figures import CreepFigures, Figures, Group, Outliers, Range
from rm_ray.report.show.formats import chance, count, name, number, percent, signed, whole_percent

# Reasons that are given for documents without a reward, the most frequent ones.
MOST_REASONS = 3
# Numbers that do not add up by less than this part of their sum are not spoken of.
ROUNDING = 0.001


def alerts_at(usual: Range, said: Callable[[float], str], shares: bool = False) -> str:
    """The changes that would have been an alert.

    Args:
        usual: of the figure.
        said: how the figure is written.
        shares: the figure is a share, and its change is not said as one.
    """

    def limit(value: float) -> str:
        by = (
            ""
            if shares or not usual.expected
            else f" ({whole_percent(value / usual.expected - 1)})"
        )
        return f"{said(value)}{by}"

    ends = [
        f"{word} {limit(value)}"
        for word, value in (("below", usual.low), ("above", usual.high))
        if value is not None
    ]
    return f"alert {' and '.join(ends)}" if ends else "no change is told"


def expected_documents(group: Group) -> float | None:
    """The documents of a usual night: the number that alerts compare with."""
    return group.usual.documents.expected if group.usual.documents else group.expected


def nights_named(nights: Sequence[str]) -> str:
    """Nights by number, and the first and the last by name."""
    names = sorted(nights)
    if len(names) == 1:
        return f"1 night, {name(names[0], 24)}"
    return f"{len(names)} nights, {name(names[0], 24)} to {name(names[-1], 24)}"


def behind(group: Group) -> str:
    """The nights that a group's figures are compared with; "" where no night is known."""
    rewards = f"rewards: {nights_named(group.nights)}" if group.nights else ""
    if group.usual.documents is None:
        return f"documents, {rewards}" if rewards else ""
    counts = f"documents, tokens: usual of {group.usual.nights} quiet nights"
    return f"{counts}; {rewards}" if rewards else counts


def sums(figures: Figures) -> str | None:
    """Why the groups' usual documents do not add up to those of all; None where they do."""
    whole = expected_documents(figures.whole)
    parts = [expected_documents(group) for group in figures.groups]
    total = sum(part for part in parts if part is not None)
    if whole is None or not figures.groups or abs(total - whole) <= max(1.0, ROUNDING * whole):
        return None
    nights = figures.whole.nights, figures.whole.usual.nights
    others = sum((group.nights, group.usual.nights) != nights for group in figures.groups)
    many = f" ({others} of {len(figures.groups)} with others)" if others else ""
    return (
        f"The usual documents of the groups add up to {count(total)}, and those of all documents "
        f"are {count(whole)}: not all groups are compared with the same quiet nights{many}."
    )


def outliers(of: Outliers) -> str:
    """Which rewards are too far out to be taken as they are."""
    said = [
        f"{count(many)} reward{'s' if many > 1 else ''} of {when}"
        for many, when in ((of.tonight, "tonight"), (of.baseline, "the baseline"))
        if many
    ]
    one = of.tonight + of.baseline == 1
    which = "is" if one else "lie far out, the farthest at"
    return (
        f"{' and '.join(said)} {which} {number(of.farthest)}; rewards below {number(of.below)} "
        f"count as {number(of.below)}, and rewards above {number(of.above)} as {number(of.above)}"
    )


def creep(of: CreepFigures) -> str | None:
    """How the mean moves from week to week, or why that is not known; None of no rewards."""
    if of.slope is None or of.moved is None:
        return of.remark
    tested = f" (p {chance(of.p)})" if of.p is not None else ""
    said = f"{signed(of.slope)} sd a week over {of.weeks} weeks{tested}"
    return f"{said}; {of.remark}" if of.remark else said


def why_not(group: Group) -> str:
    """The most frequent statuses of documents without a reward; "" where all have one."""
    others = [(many, status) for status, many in group.statuses.items() if status != "ok" and many]
    return ", ".join(
        f"{percent(many / group.documents)} {status.replace('_', ' ')}"
        for many, status in sorted(others, reverse=True)[:MOST_REASONS]
    )


def not_sure(figures: Figures, group: Group) -> bool:
    """Whether a group is beyond chance and beyond the alerts' line, and yet has no alert: there are
    so many groups and rules that one of them gets there by chance.
    """
    if group.drift is None:
        return False
    found = group.drift.wasserstein
    name_there = None if group is figures.whole else group.name
    alerts = [(alert.group, alert.rule) for alert in figures.verdict.alerts]
    past = found.effect > max(found.floor, figures.drift_above)
    return past and (name_there, "drift") not in alerts
