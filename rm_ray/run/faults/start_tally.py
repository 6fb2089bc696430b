"""Starts the tally of a run: as an actor of Ray, or in the driver."""

from rm_ray.run.counts import RunCounts
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.tally import Tally
from rm_ray.run.faults.tally_here import TallyHere

# If so many faults happen and nothing succeeds in between, the documents are not at fault: the run
# stops.
FAULTS_IN_A_ROW = 10


def start_tally(
    counts: type[RunCounts], engines: int, silence_s: float, start_s: float, *, here: bool
) -> TallyHandle:
    """Start the tally beside the driver.

    Args:
        counts: class of the job's counts.
        engines: engines that will run at once, at most.
        silence_s: seconds without an answer after which an engine's process ends itself.
        start_s: seconds within which an engine must be ready.
        here: processes of this machine do the work, without Ray.
    """
    # all engines may be lost at once, twice, and the run still goes on
    most_faults = FAULTS_IN_A_ROW + 2 * engines
    if here:
        return TallyHere(Tally(counts, most_faults, silence_s, start_s))
    from rm_ray.run.faults.tally_actor import start_tally_actor

    return start_tally_actor(counts, most_faults, silence_s, start_s)
