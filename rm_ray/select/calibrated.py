"""Calibrates the chain on the sample, and keeps what came of it in the selection's folder."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rm_ray.judges.judge import Judge
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.rule_file import CalibratedRule, band_ends
from rm_ray.judges.preference.stopping import NOBODY, StopTable
from rm_ray.select.config import SelectConfig
from rm_ray.select.sample import WholeDocuments
from rm_ray.select.shares import kept_shares
from rm_ray.select.statistics.calibrate import Calibration, calibrate
from rm_ray.select.statistics.chain import Cost
from rm_ray.select.statistics.cheap import CheapForecast
from rm_ray.select.statistics.wanted import Wanted
from rm_ray.store.folder import Folder

log = logging.getLogger(__name__)

RULE, CALIBRATION = "rule.json", "calibration.json"


@dataclass(frozen=True)
class Calibrated:
    """A Calibrated is what the calibration gave, as calibration.json stores it."""

    rule: CalibratedRule
    """The stop rule, with the bands of the cut; without bands if everything is judged."""
    cheap: CheapForecast | None
    """The cheap judge's decision; None if it decides nothing."""
    said: dict[str, Any]
    """How it was found: the reason, the strictnesses that were tried, the limits."""

    @property
    def decides(self) -> bool:
        """Return True if some documents are decided without judging them whole."""
        return bool(self.rule.bands)

    def to_json(self) -> str:
        """Return the content of calibration.json."""
        cheap = self.cheap.to_json() if self.cheap else None
        data = {"rule": json.loads(self.rule.to_json()), "cheap": cheap, "said": self.said}
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Calibrated":
        """Read the content of calibration.json."""
        data = json.loads(text)
        rule = CalibratedRule.from_json(json.dumps(data["rule"]))
        return cls(
            rule, CheapForecast.from_json(data["cheap"]) if data["cheap"] else None, data["said"]
        )


def nothing_decided(config: SelectConfig, judge: Mapping[str, Any], why: str) -> Calibrated:
    """Return the calibration of a selection that judges everything whole."""
    rule = CalibratedRule(StopTable((), NOBODY), config.groups_by, {}, judge)
    return Calibrated(rule, None, {"reason": f"everything is judged: {why}"})


def calibrate_on(
    whole: WholeDocuments,
    share_sampled: float,
    asking: Judge,
    judge: Mapping[str, Any],
    config: SelectConfig,
) -> Calibrated:
    """Calibrate the chain on the documents of the sample that are for it.

    Args:
        whole: the documents of the sample.
        share_sampled: share of the corpus's documents that the sample has.
        asking: the judge, which says what judging costs.
        judge: the settings that the rewards depend on.
        config: the selection's configuration.
    """
    rule, sampled = config.rule, whole.part(calibrates=True)
    groups = whole.sampled.codes(len(whole.labels))
    kept: tuple[float, ...] = ()
    if rule.choice != "min_reward":
        kept = tuple(
            kept_shares(
                rule,
                whole.labels,
                groups=groups,
                rewards=whole.sampled.rewards,
                tokens=whole.tokens,
                sampled=share_sampled,
            )
        )
    wanted = Wanted(
        kept=kept,
        min_reward=config.least_reward,
        max_wrong=config.select.max_wrong,
        failure=config.select.failure,
        cost=_cost(asking),
    )
    found = calibrate(sampled, wanted, config.select.seed)
    log.info("%s", found.reason)
    if found.chain is None:
        return Calibrated(nothing_decided(config, judge, "").rule, None, _said(found, whole, kept))
    bands = {
        label: band
        for label, band in zip(whole.labels, found.chain.bands, strict=False)
        if band is not None
    }
    stop = CalibratedRule(found.chain.table, config.groups_by, bands, judge)
    return Calibrated(stop, found.chain.cheap, _said(found, whole, kept))


def keep(calibrated: Calibrated, folder: Folder) -> Calibrated:
    """Store a calibration, and the file of its rule; return the one that is stored.

    A calibration that is stored already stays: stages may have been run by it.
    """
    if not folder.create(CALIBRATION, calibrated.to_json().encode()):
        calibrated = stored(folder) or calibrated
    if calibrated.decides:
        folder.create(RULE, calibrated.rule.to_json().encode())
    return calibrated


def stored(folder: Folder) -> Calibrated | None:
    """Return the calibration that is stored in a selection's folder; None if there is none."""
    data = folder.read(CALIBRATION)
    return Calibrated.from_json(data.decode()) if data else None


def _cost(asking: Judge) -> Cost:
    """Return what judging costs; each document costs the same for a judge without chunks."""
    if not isinstance(asking, PreferenceJudge):
        return Cost(per_chunk=1, first=0)
    chunk = asking.rule.chunk
    return Cost(per_chunk=2 * chunk + asking.marker_tokens, first=-chunk)


def _said(found: Calibration, whole: WholeDocuments, kept: tuple[float, ...]) -> dict[str, Any]:
    """Return how a calibration was found, for calibration.json and the page."""
    return {
        "reason": found.reason,
        "allowed": found.allowed,
        "tested": found.tested,
        "needed": found.needed,
        "cost": found.cost,
        "kept_shares": dict(zip(whole.labels, kept, strict=True)) if kept else None,
        "edges": [band_ends(edge) for edge in found.edges],
        "bands": [band_ends(band) if band else None for band in found.bands],
        "trials": [asdict(trial) for trial in found.trials],
    }
