"""The progress of a run as its driver reports it: in log lines, in metrics, in the run's folder.

`_rm_ray/progress.json` in the folder serves readers elsewhere, and keeps the cost of the run over
all its invocations.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Self

from rm_ray.run.standing.price import Price
from rm_ray.store.folder import Folder

NAME = "progress.json"
# The work of a run may differ by this fraction from its estimate.
NEAR = 0.03


@dataclass(frozen=True)
class Standing:
    """A Standing is the progress of a run at one moment. None: it is not known, or not yet."""

    at: str
    """The moment, in UTC, as ISO 8601."""
    shards: int
    """Shards of the run."""
    shards_left: int
    """Shards of the run that are not committed."""
    documents: int = 0
    """Documents done in this invocation."""
    engines: int = 0
    """Engines that are ready."""
    share: float | None = None
    """Fraction of this invocation's work that is done, 0 to 1."""
    speed: str | None = None
    """Speed of this invocation, in words."""
    seconds_left: float | None = None
    """Estimated seconds to the end of the run."""
    hours: float = 0.0
    """GPU hours (engine hours on CPU) of all invocations so far."""
    hours_left: float | None = None
    """Estimated GPU hours (engine hours on CPU) to the end of the run."""
    gpus: float = 0.0
    """GPUs of one engine; 0 on CPU."""
    per_hour: float | None = None
    """Dollars per GPU hour (engine hour on CPU)."""
    faults: int = 0
    """Faults in this invocation."""
    last_fault: str | None = None
    """Reason of the last fault."""
    failed: dict[str, int] = field(default_factory=dict)
    """Documents given up in this invocation, by kind of fault."""
    stopped: str | None = None
    """Reason why the run is stopping before its end; None while it is not."""

    @property
    def price(self) -> Price:
        """Return the price of the hours, as it was last configured."""
        return Price(self.gpus, self.per_hour)

    @property
    def nearly_done(self) -> bool:
        """Return True if the work left is less than the error of the estimated work."""
        return self.share is not None and self.share > 1 - NEAR

    def to_json(self) -> bytes:
        """Return the content of progress.json."""
        return (json.dumps(asdict(self), indent=2) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self | None:
        """Read what `to_json` of this or another version wrote; None if the data is not that."""
        known = {member.name for member in fields(cls)}
        try:
            stored = json.loads(data)
            return cls(**{name: value for name, value in stored.items() if name in known})
        except (ValueError, TypeError, AttributeError):
            return None


def read_standing(state: Folder) -> Standing | None:
    """Read the progress that the last driver stored; None if there is none.

    Args:
        state: the run's own folder of files.

    Raises:
        OSError: the file cannot be read.
    """
    data = state.read(NAME)
    return Standing.from_json(data) if data else None
