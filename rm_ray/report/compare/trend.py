"""The nights before, and this one, as points of a line."""

from collections.abc import Sequence

from rm_ray.report.compare.history import PastNight
from rm_ray.report.figures import NightVerdict, TrendNight
from rm_ray.report.measure.nights import Night, name_of

SHARES = (0.1, 0.5, 0.9)


def trend(
    past: Sequence[PastNight], night: str, now: Night, said: NightVerdict
) -> list[TrendNight]:
    """Return the nights before and tonight, oldest first."""
    return [*map(_past, past), _tonight(night, now, said)]


def _past(before: PastNight) -> TrendNight:
    whole = before.groups[None]
    groups = {name_of(label): group for label, group in before.groups.items() if label is not None}
    return TrendNight.model_validate(
        {
            "night": before.night,
            "status": before.status,
            "documents": whole.documents,
            "tokens": whole.tokens,
            "scored": whole.scored,
            "mean": whole.mean,
            "quantiles": whole.quantiles,
            "means": {n: group.mean for n, group in groups.items() if group.mean is not None},
            "alerts": [
                f"{name_of(label)}: {rule}"
                for label, group in before.groups.items()
                for rule in group.said.shown
            ],
        }
    )


def _tonight(night: str, now: Night, said: NightVerdict) -> TrendNight:
    whole = now.whole
    values = whole.histogram.quantiles(SHARES).tolist() if whole.scored else []
    alerts = [alert for alert in said.alerts if alert.folded_into is None]
    return TrendNight(
        night=night,
        status=said.status,
        documents=whole.documents,
        tokens=whole.tokens,
        scored=whole.scored,
        mean=whole.moments.mean if whole.scored else None,
        quantiles={f"{s:g}": value for s, value in zip(SHARES, values, strict=False)},
        means={name_of(n): group.moments.mean for n, group in now.groups.items() if group.scored},
        alerts=[f"{alert.group or name_of(None)}: {alert.rule}" for alert in alerts],
    )
