"""Finishes a night that has its segments: reports it, and delivers or holds what its filter keeps.

Each step is stored in the night's file before the next begins. So a night that was interrupted goes
on with the verdict and the delivery that it had, whatever was accepted or configured since.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rm_ray.errors import Refused
from rm_ray.filter.delivery import DeliverConfig
from rm_ray.filter.job import filter_corpus
from rm_ray.nightly.acceptances import Acceptance, as_of
from rm_ray.nightly.config import HELD, KEPT, NightlyConfig
from rm_ray.nightly.deliveries import HELD_MARK, Delivery
from rm_ray.nightly.holding import decide, release_command, shown
from rm_ray.nightly.nights import KnownNight, Nights
from rm_ray.nightly.repeats import repeated_rows
from rm_ray.report.figures import Figures
from rm_ray.report.job import report
from rm_ray.store.folder import Folder, absolute

log = logging.getLogger(__name__)

# Acceptances that a page shows.
MOST_ACCEPTED = 12


def finish(
    night: KnownNight, nights: Nights, config: NightlyConfig, accepted: Sequence[Acceptance]
) -> KnownNight:
    """Report and filter a night that has its segments; return it with its verdict.

    Args:
        night: the night.
        nights: the files of the nights.
        config: the configuration.
        accepted: all acceptances.
    """
    if night.said is None:
        segments = {one.night: one.segments or [] for one in nights.all()}
        night = nights.put(_reported(night, config, accepted, segments))
    delivery = night.delivery if config.filters(night.night) else None
    if delivery is not None and night.documents:
        try:
            delivery = _deliver(night, config, delivery)
        except Refused as error:
            raise type(error)(
                f"{error}; correct this, or finish the night without its filter: "
                f"--skip_filter {night.night}"
            ) from None
    return nights.put(replace(night, status=night.said, delivery=delivery))


def _reported(
    night: KnownNight,
    config: NightlyConfig,
    accepted: Sequence[Acceptance],
    segments_of: Mapping[str, Sequence[int]],
) -> KnownNight:
    """Report a night; return it with the report's verdict and what is to be delivered."""
    segments = night.segments or []
    log.info("the night %s: segments %s", night.night, segments or "none, nothing is new")
    asked = config.reporting(night.night, segments, as_of(night.night, accepted))
    figures = report(asked, lambda made: _with_delivery(made, config, accepted), segments_of)
    levels: dict[str, str] = {}
    for alert in figures.verdict.alerts:
        if alert.folded_into is None:
            name = alert.group or "all documents"
            levels[name] = max(alert.level, levels.get(name, ""), key=("", "warn", "fail").index)
    return replace(
        night,
        said=figures.verdict.status,
        sentence=figures.verdict.sentence,
        levels=levels,
        documents=figures.whole.documents,
        delivery=_decided(figures, config),
    )


def _with_delivery(
    figures: Figures, config: NightlyConfig, accepted: Sequence[Acceptance]
) -> Figures:
    folder = f"{config.output.path.rstrip('/')}/{HELD}/night={figures.night}"
    command = release_command(config.output.path, figures.night)
    nights = {one.night for one in figures.trend}
    shown_acceptances = [
        one.figures()
        for one in accepted
        if one.night <= figures.night and (one.night in nights or one.night == figures.night)
    ]
    return figures.model_copy(
        update={
            "delivery": shown(_decided(figures, config), folder, command),
            "accepted": shown_acceptances[:MOST_ACCEPTED],
        }
    )


def _decided(figures: Figures, config: NightlyConfig) -> Delivery | None:
    """Decide what is delivered of a night; None if it is not filtered or has no document."""
    if config.filter is None or not config.filters(figures.night) or not figures.whole.documents:
        return None
    root = Folder(absolute(config.output.path), config.output.storage)
    if (root / KEPT / f"night={figures.night}").entries():
        # a version before 0.10 has begun to deliver this night
        return Delivery("nothing")
    by_group = {group.label: group.documents for group in figures.groups}
    return decide(figures.verdict, by_group, config.filter.on_alert)


def _deliver(night: KnownNight, config: NightlyConfig, delivery: Delivery) -> Delivery:
    """Filter a night into its folders; return the delivery with the number of held documents."""
    name, segments = night.night, night.segments or []
    everything, by = DeliverConfig(), config.report.by
    groups = list(delivery.groups)
    again = repeated_rows(night, config)
    if delivery.holds == "nothing":
        filter_corpus(config.filtering(name, segments, everything, leave_out=again))
        return delivery
    if delivery.holds == "groups":
        rest = DeliverConfig(by=by, without=groups)
        filter_corpus(config.filtering(name, segments, rest, leave_out=again))
        everything = DeliverConfig(by=by, only=groups)
    held = config.filtering(name, segments, everything, HELD, again)
    filter_corpus(held, HELD_MARK)
    root = Folder(absolute(held.output.path), held.output.storage)
    documents = int(json.loads(root.read(HELD_MARK) or b"{}")["rows"])
    log.warning(
        "the night %s: %s, %s documents, in %s; to hand them on: %s",
        name,
        delivery,
        f"{documents:,}",
        held.output.path,
        release_command(config.output.path, name),
    )
    return replace(delivery, documents=documents)
