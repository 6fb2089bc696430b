"""The exact cut among the decided documents, and whether it lies where the rule took it to be."""

import math
from collections.abc import Mapping
from typing import cast

from rm_ray.counts.order import number_at
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.job import FilterJob
from rm_ray.filter.planning import FilterPlanning
from rm_ray.judges.preference.stopping import Band
from rm_ray.run.survey import open_folder, survey
from rm_ray.select.gathering import SURE

# After so many wider bands, everything that is left of a group is judged whole.
MOST_WIDER = 4


def cuts_of(filtering: FilterConfig) -> dict[str, float]:
    """Return the key of the best document that is dropped, by group label.

    It is infinite, above or below, if that document was put there without judging it whole. A group
    of which every document is kept has no cut.

    Raises:
        InputError: the rule asks for more than there is.
    """
    job = FilterJob(filtering)
    seen = survey(job, open_folder(job), to_run=False)
    cuts = cast(FilterPlanning, seen.new).ready.cuts
    found = {}
    for label, (cut,) in zip(cuts.groups, cuts.cuts, strict=True):
        if cut is not None:
            number = float(number_at("float32", cut.key))
            found[label] = math.copysign(math.inf, number) if abs(number) >= SURE else number
    return found


def widened(
    bands: Mapping[str, Band], cuts: Mapping[str, float], number: int
) -> dict[str, Band] | None:
    """Return wider bands for the groups whose cut lies outside of its band; None if none does.

    Args:
        bands: the band of each group's cut, by label.
        cuts: the cuts, by label.
        number: how often the bands have been widened, this time included.
    """
    outside = {
        label: cuts[label]
        for label, band in bands.items()
        if label in cuts and not band.lower <= cuts[label] <= band.upper
    }
    if not outside:
        return None
    return {
        label: _wider(band, outside[label], number) if label in outside else band
        for label, band in bands.items()
    }


def _wider(band: Band, cut: float, number: int) -> Band:
    """Return a band that reaches as far again as it is wide, towards the cut and beyond it."""
    if number > MOST_WIDER:
        return Band(-math.inf, math.inf)
    width = band.upper - band.lower
    more = max(width, abs(band.upper) * 1e-3, 1e-6) if math.isfinite(width) else math.inf
    if cut > band.upper:
        return Band(band.lower, max(band.upper, cut if math.isfinite(cut) else band.upper) + more)
    return Band(min(band.lower, cut if math.isfinite(cut) else band.lower) - more, band.upper)
