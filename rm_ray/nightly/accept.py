"""Accepts a group as it was when it alerted last: later nights are compared with that night."""

import logging

from rm_ray.config import OutputConfig
from rm_ray.errors import InputError
from rm_ray.nightly.acceptances import Acceptance, Acceptances
from rm_ray.nightly.config import NIGHTS
from rm_ray.nightly.deliveries import Signed
from rm_ray.nightly.holding import release_command
from rm_ray.nightly.index import write_index
from rm_ray.nightly.nights import KnownNight, Nights
from rm_ray.nightly.pages import read_report, rewrite
from rm_ray.report.compare.folding import MOST
from rm_ray.report.figures import Alert, Figures
from rm_ray.report.measure.nights import name_of

log = logging.getLogger(__name__)

# So many nights are looked through for the last alert of a group.
LOOKED_AT = 14
WHOLE = name_of(None)
# An acceptance changes what a group is compared with. These rules compare with nothing, or end by
# themselves.
OTHERS = {
    "new": "a new group is known from the next night on",
    "failed": "report.alerts.failed.above says how many documents may fail",
}


def accept(output: OutputConfig, group: str, because: str, night: str | None = None) -> None:
    """Accept a group, from its last night with an alert on, or from a coming night on.

    Args:
        output: the folder of all nights.
        group: name of the group, as the page shows it; 'all documents' is all groups together.
        because: the reason.
        night: name of a coming night; None for the last night on which the group alerted.

    Raises:
        InputError: there is no such group, it has no alert, or the night is done.
        OutputError: the folder cannot be used.
    """
    nights = Nights.at(output, NIGHTS).existing().writable()
    done = [one for one in nights.all() if one.status is not None]
    acceptances = Acceptances(nights.folder)
    signed = Signed.now(because)
    if night is not None:
        _check_coming(output, done, group, night)
        given = Acceptance(group, night, signed)
        stored = acceptances.write(given)
        _tell(stored, "the night itself is compared with no earlier one")
        write_index(output, nights)
        return
    one, figures = _last_alert(output, done, group)
    also = (WHOLE,) if group != WHOLE and explains(figures, group) else ()
    stored = acceptances.write(Acceptance(group, one.night, signed, also))
    held = one.delivery is not None and one.delivery.is_held
    command = release_command(output.path, one.night)
    stays = f"the verdict of {one.night} stays"
    _tell(stored, f"{stays}, and its documents are held: {command}" if held else stays)
    known = [acceptance.figures() for acceptance in acceptances.all()]
    rewrite(output, one.night, accepted=[each for each in known if each.night == one.night])
    write_index(output, nights)


def explains(figures: Figures, group: str) -> bool:
    """Return True if a group's change explains all that all documents show on a night.

    All alerts of all documents, if there are any, are folded into the group's; and without one, the
    group makes most of the change of the mean.
    """
    own = [alert for alert in figures.verdict.alerts if alert.group is None]
    within = {f"{WHOLE}: {alert.rule}" for alert in own}
    if own:
        into = [alert.folded_into for alert in own if alert.folded_into not in within]
        return all(name is not None and name.rpartition(": ")[0] == group for name in into)
    if figures.mix is None:
        return False
    moves = {each.name: abs(each.mix) + abs(each.inside) for each in figures.mix.groups}
    return moves.get(group, 0.0) > MOST * sum(moves.values())


def _check_coming(output: OutputConfig, done: list[KnownNight], group: str, night: str) -> None:
    """Refuse a night that is done, and a group that is not known."""
    if done and night <= done[-1].night:
        raise InputError(
            f"accept: the night {night} is done, or lies before one that is done ("
            f"{done[-1].night}), and the verdict of a night stays. Without --night, {group} is "
            "accepted as it was when it alerted last, for the nights to come; "
            f"{release_command(output.path, night)} delivers what is held of the night"
        )
    figures = read_report(output, done[-1].night) if done else None
    if figures is not None:
        _check_name(figures, group)


def _last_alert(
    output: OutputConfig, done: list[KnownNight], group: str
) -> tuple[KnownNight, Figures]:
    """Find the last night on which a group alerted, and has not been quiet since."""
    for one in done[: -LOOKED_AT - 1 : -1]:
        figures = read_report(output, one.night)
        if figures is None:
            continue
        _check_name(figures, group)
        alerts = [alert for alert in figures.verdict.alerts if _name(alert) == group]
        if any(alert.rule not in OTHERS for alert in alerts):
            return one, figures
        if alerts:
            rule = alerts[0].rule
            raise InputError(
                f"accept: the alert of {group} on {one.night} is {rule}, and there is nothing to "
                f"accept: {OTHERS[rule]}"
            )
        documents = {each.name: each.documents for each in figures.groups}
        if documents.get(group, figures.whole.documents):
            raise InputError(
                f"accept: {group} has no alert on its last night, {one.night}: there is nothing to "
                "accept. From a coming night on, accept it with --night NIGHT"
            )
    raise InputError(
        f"accept: no report of the last nights in {output.path} has an alert of {group}"
    )


def _check_name(figures: Figures, group: str) -> None:
    names = [WHOLE, *(each.name for each in figures.groups)]
    if group not in names:
        more = f" and {len(names) - 12} more" if len(names) > 12 else ""
        raise InputError(
            f"accept: the report of {figures.night} has no group {group}; it has "
            f"{', '.join(names[:12])}{more}"
        )


def _name(alert: Alert) -> str:
    return alert.group or WHOLE


def _tell(stored: Acceptance, more: str) -> None:
    also = f" and {', '.join(stored.also)}" if stored.also else ""
    log.info(
        "%s%s: accepted %s; compared with the night %s and later quiet nights from now on; %s",
        stored.group,
        also,
        stored.signed,
        stored.night,
        more,
    )
