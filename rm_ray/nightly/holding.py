"""Decides what is held of a night, by its alerts; pure."""

import shlex
from collections.abc import Mapping

from rm_ray.nightly.config import OnAlert
from rm_ray.nightly.deliveries import Delivery
from rm_ray.report.facts import DeliveryFigures
from rm_ray.report.figures import NightVerdict
from rm_ray.report.measure.nights import OTHER


def decide(verdict: NightVerdict, by_group: Mapping[str, int], on_alert: OnAlert) -> Delivery:
    """Decide what is held of a night.

    An alert counts if its level is `fail` and no other alert explains it. A standing alert counts
    too: a source that stays broken wakes nobody again, but it is not delivered either.

    Args:
        verdict: the verdict of the night.
        by_group: documents of the night, by the group's label.
        on_alert: the configuration.
    """
    failing = [a for a in verdict.alerts if a.level == "fail" and a.folded_into is None]
    labels = {alert.label for alert in failing}
    if on_alert == "keep" or not labels:
        return Delivery("nothing")
    if on_alert == "hold_night" or None in labels or OTHER in labels:
        return Delivery("night")
    groups = tuple(sorted(label for label in labels if label and by_group.get(label)))
    if not groups:
        return Delivery("nothing")
    if not sum(many for label, many in by_group.items() if label not in groups):
        return Delivery("night")
    names = {alert.label: alert.group or "" for alert in failing}
    return Delivery("groups", groups, tuple(names[label] for label in groups))


def shown(delivery: Delivery | None, folder: str, command: str) -> DeliveryFigures | None:
    """Return the delivery as a report shows it; None if the night is not filtered.

    Args:
        delivery: the delivery.
        folder: the folder of what is held.
        command: the command that releases it.
    """
    if delivery is None:
        return None
    signed, held = delivery.released, delivery.holds != "nothing"
    return DeliveryFigures(
        state="released" if signed else "held" if held else "delivered",
        groups=list(delivery.names),
        folder=folder if held else None,
        command=command if delivery.is_held else None,
        by=signed and signed.by,
        at=signed and signed.at,
        because=signed and signed.because,
    )


def release_command(output: str, night: str) -> str:
    """Return the command that releases what is held of a night."""
    place = shlex.quote(output)
    return f'python jobs/nightly.py --output.path {place} --release {night} --because "..."'
