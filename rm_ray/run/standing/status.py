"""How a run stands, as its driver says: in progress lines, in metrics, and in the run's folder.

`_rm_ray/progress.json` is for whoever asks from elsewhere, and keeps what the run has cost over all
its invocations.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Self

from rm_ray.run.standing.price import Price
from rm_ray.store.folder import Folder

NAME = "progress.json"
# By so much the work of a run may differ from what a sample of it says.
NEAR = 0.03


@dataclass(frozen=True)
class Standing:
    """At a moment (`at`, UTC). None: it is too early to tell, or nobody knows.

    `shards`, `shards_left`: of the run. `documents`, `faults`, `failed` (documents given up, by
    how they failed), `engines` alive, `share` (of its work that is done) and `speed`: of this
    invocation. `hours`: GPU hours, or engine hours on CPU, of all invocations; `hours_left`: what
    finishing takes. `gpus` of an engine and `per_hour`: see Price.
    """

    at: str
    shards: int
    shards_left: int
    documents: int = 0
    engines: int = 0
    share: float | None = None
    speed: str | None = None
    seconds_left: float | None = None
    hours: float = 0.0
    hours_left: float | None = None
    gpus: float = 0.0
    per_hour: float | None = None
    faults: int = 0
    last_fault: str | None = None
    failed: dict[str, int] = field(default_factory=dict)
    stopped: str | None = None

    @property
    def price(self) -> Price:
        """What the hours cost, at what was said last."""
        return Price(self.gpus, self.per_hour)

    @property
    def nearly_done(self) -> bool:
        """Whether what is left is less than the work is known to."""
        return self.share is not None and self.share > 1 - NEAR

    def to_json(self) -> bytes:
        """For the run's folder."""
        return (json.dumps(asdict(self), indent=2) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self | None:
        """What `to_json` of this or another version wrote; None of anything else."""
        known = {one.name for one in fields(cls)}
        try:
            said = json.loads(data)
            return cls(**{name: value for name, value in said.items() if name in known})
        except (ValueError, TypeError, AttributeError):
            return None


def read_standing(state: Folder) -> Standing | None:
    """What the last driver said; None where there is nothing. `state`: the run's own folder of
    files.

    Raises:
        OSError: it cannot be read.
    """
    data = state.read(NAME)
    return Standing.from_json(data) if data else None
