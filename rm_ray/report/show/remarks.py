"""Sentences about a group's figures and its nights, for the page and the summary."""

from collections.abc import Callable, Sequence

from rm_ray.report.figures import CreepFigures, Figures, GroupFigures, Outliers, Range
from rm_ray.report.show.formats import chance, count, name, number, percent, signed, whole_percent

# At most so many reasons are given for documents without a reward, the most frequent ones.
MOST_REASONS = 3
# A difference smaller than this part of the sum is a rounding error.
ROUNDING = 0.001


def alerts_at(usual: Range, said: Callable[[float], str], shares: bool = False) -> str:
    """Write the values of a figure that would have been an alert.

    Args:
        usual: the usual values of the figure.
        said: writes the figure.
        shares: True if the figure is a share; then its change is not written in per cent.
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
    return f"alert {' and '.join(ends)}" if ends else "no change alerts"


def expected_documents(group: GroupFigures) -> float | None:
    """Return the documents of a usual night, the number that alerts compare with."""
    return group.usual.documents.expected if group.usual.documents else group.expected


def nights_named(nights: Sequence[str]) -> str:
    """Write the number of nights, and the names of the first and the last."""
    names = sorted(nights)
    if len(names) == 1:
        return f"1 night, {name(names[0], 24)}"
    return f"{len(names)} nights, {name(names[0], 24)} to {name(names[-1], 24)}"


def behind(group: GroupFigures) -> str:
    """Write the nights that a group's figures are compared with; "" if no night is known."""
    rewards = f"rewards: {nights_named(group.nights)}" if group.nights else ""
    if group.usual.documents is None:
        return f"documents, {rewards}" if rewards else ""
    counts = f"documents, tokens: usual of {group.usual.nights} quiet nights"
    return f"{counts}; {rewards}" if rewards else counts


def sums(figures: Figures) -> str | None:
    """Write why the groups' usual documents do not add up to the total; None if they do."""
    whole = expected_documents(figures.whole)
    parts = [expected_documents(group) for group in figures.groups]
    total = sum(part for part in parts if part is not None)
    if whole is None or not figures.groups or abs(total - whole) <= max(1.0, ROUNDING * whole):
        return None
    nights = figures.whole.nights, figures.whole.usual.nights
    other_groups = sum((group.nights, group.usual.nights) != nights for group in figures.groups)
    how_many = f" ({other_groups} of {len(figures.groups)} with others)" if other_groups else ""
    return (
        f"The usual documents of the groups add up to {count(total)}, and those of all documents "
        f"are {count(whole)}: not all groups are compared with the same quiet nights{how_many}."
    )


def outliers(of: Outliers) -> str:
    """Write how many rewards are outliers, and the value that they count as."""
    counts = [
        f"{count(many)} reward{'s' if many > 1 else ''} of {when}"
        for many, when in ((of.tonight, "tonight"), (of.baseline, "the baseline"))
        if many
    ]
    is_single = of.tonight + of.baseline == 1
    verb = "is" if is_single else "lie far out, the farthest at"
    return (
        f"{' and '.join(counts)} {verb} {number(of.farthest)}; rewards below {number(of.below)} "
        f"count as {number(of.below)}, and rewards above {number(of.above)} as {number(of.above)}"
    )


def creep(of: CreepFigures) -> str | None:
    """Write how the mean moves from week to week, or why that is not known; None if neither is."""
    if of.slope is None or of.moved is None:
        return of.remark
    tested = f" (p {chance(of.p)})" if of.p is not None else ""
    text = f"{signed(of.slope)} sd a week over {of.weeks} weeks{tested}"
    return f"{text}; {of.remark}" if of.remark else text


def why_not(group: GroupFigures) -> str:
    """Write the most frequent statuses of documents without a reward; "" if all have one."""
    others = [(many, status) for status, many in group.statuses.items() if status != "ok" and many]
    return ", ".join(
        f"{percent(many / group.documents)} {status.replace('_', ' ')}"
        for many, status in sorted(others, reverse=True)[:MOST_REASONS]
    )


def not_sure(figures: Figures, group: GroupFigures) -> bool:
    """Return True if a group is beyond chance and beyond the alerts' limit, but has no alert.

    With so many groups and rules, one of them gets there by chance.
    """
    if group.drift is None:
        return False
    measure = group.drift.wasserstein
    group_name = None if group is figures.whole else group.name
    alerts = [(alert.group, alert.rule) for alert in figures.verdict.alerts]
    past = measure.effect > max(measure.floor, figures.drift_above)
    return past and (group_name, "drift") not in alerts
