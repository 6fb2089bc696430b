"""Documents of the groups with alerts, beside documents of the baseline."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rm_ray.errors import RmRayError
from rm_ray.report.config import ReportConfig
from rm_ray.report.figures import Alert, AlertedDocuments
from rm_ray.report.measure.chosen import of_group
from rm_ray.report.measure.excerpts import show
from rm_ray.report.measure.measured import Measured
from rm_ray.report.measure.nights import OTHER
from rm_ray.report.measure.runs import count
from rm_ray.scored.run import ScoredRun, open_scored

log = logging.getLogger(__name__)

# Groups whose documents are shown.
MOST_GROUPS = 3


@dataclass(frozen=True)
class Before:
    """The documents that a night is compared with."""

    pinned: tuple[ScoredRun, Measured] | None
    """The run of the baseline and its counts; None if the baseline is a history."""
    nights: Mapping[str, Sequence[str]]
    """Names of the nights that each group is compared with, by label."""
    segments: Mapping[str, Sequence[int]]
    """Segments of the scoring run that the nights have, by name; empty if they are not known."""

    def of(self, label: str, config: ReportConfig) -> tuple[ScoredRun, Measured, list[str]] | None:
        """Return a run with documents of a group's baseline, and the nights that it is of.

        Of a history, it is the last night of the group's baseline. None if there is none.
        """
        if self.pinned is not None:
            return (*self.pinned, [])
        named = [name for name in self.nights.get(label, ()) if self.segments.get(name)]
        if not named:
            return None
        rewards = config.rewards
        run = open_scored(
            rewards.path, rewards.storage, self.segments[named[-1]], allow_incomplete=True
        )
        return run, count(run, config), [named[-1]]


def alerted_documents(
    alerts: Sequence[Alert],
    run: ScoredRun,
    measured: Measured,
    before: Before,
    config: ReportConfig,
) -> list[AlertedDocuments]:
    """Read documents of the groups with alerts, tonight and before.

    Args:
        alerts: the alerts of the night.
        run: the night's run.
        measured: its counts.
        before: what the night is compared with.
        config: the configuration.
    """
    if not config.corpus.excerpts:
        return []
    groups = {
        alert.label: alert.group or ""
        for alert in alerts
        if alert.label not in (None, OTHER) and alert.folded_into is None
    }
    found = []
    for label, name in list(groups.items())[:MOST_GROUPS]:
        assert label is not None
        try:
            earlier = before.of(label, config)
            shown = show(of_group(earlier[1], label), earlier[0], config) if earlier else []
        except RmRayError as error:
            log.warning("no documents of earlier nights are shown for %s: %s", name, error)
            earlier, shown = None, []
        found.append(
            AlertedDocuments(
                group=name,
                tonight=show(of_group(measured, label), run, config),
                before=shown,
                nights=earlier[2] if earlier else [],
            )
        )
    return [one for one in found if one.tonight or one.before]
