"""The file of a calibrated stop rule: jobs/select.py writes it, judge.adaptive.rule names it."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rm_ray.errors import short
from rm_ray.judges.preference.stopping import Band, StopTable

FORMAT = "rm_ray.stop_rule/1"
# The label of all documents, where no columns make groups.
ALL = "[]"


@dataclass(frozen=True)
class CalibratedRule:
    """A CalibratedRule is a stop rule with the band of the cut of each group of documents."""

    table: StopTable
    """The stop rule."""
    by: tuple[str, ...]
    """Columns whose values make the groups; empty for one group of all documents."""
    bands: Mapping[str, Band]
    """Band of the cut by group label. Documents of other groups are judged whole."""
    judge: Mapping[str, Any]
    """The settings that the rewards of the calibration depend on, by key."""

    def to_json(self) -> str:
        """Return the rule as the text of its file."""
        data = {
            "format": FORMAT,
            "by": list(self.by),
            "bands": {label: band_ends(band) for label, band in self.bands.items()},
            "table": self.table.to_json(),
            "judge": dict(self.judge),
        }
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "CalibratedRule":
        """Make the rule of the text of its file.

        Raises:
            ValueError: the text is not that of a rule.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError(f"it is not in the format {FORMAT}")
        try:
            return cls(
                table=StopTable.from_json(data["table"]),
                by=tuple(data["by"]),
                bands={label: band_of(ends) for label, ends in data["bands"].items()},
                judge=data["judge"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it lacks something or has too much: {short(error)}") from None

    def settings(self) -> dict[str, Any]:
        """Return the settings that decisions depend on, for the fingerprint of a run."""
        table = json.dumps(self.table.to_json(), sort_keys=True)
        return {
            "by": list(self.by),
            "bands": {label: band_ends(band) for label, band in self.bands.items()},
            "table": f"sha256:{hashlib.sha256(table.encode()).hexdigest()[:16]}",
        }


def band_ends(band: Band) -> list[float | None]:
    """Return the ends of a band as JSON holds them: null for an end that is infinite."""
    return [end if math.isfinite(end) else None for end in (band.lower, band.upper)]


def band_of(ends: Sequence[float | None]) -> Band:
    """Return the band with these ends, as `band_ends` gives them."""
    lower, upper = ends
    return Band(-math.inf if lower is None else lower, math.inf if upper is None else upper)
