"""The tally: one small actor that every stage of a run tells what it has done and what went wrong.

It alone sees the whole run, so it decides when faults are too many to be any document's.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.util.metrics import Counter
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

# So many faults with no part committed in between are not the documents' fault: the run stops.
FAULTS_IN_A_ROW = 10
# Engines that may fail to start before the first one that does.
START_TRIES = 3
ENDED = "the process that was judging it ended"


@dataclass(frozen=True)
class Work:
    """What stages have done and the seconds it took them, summable over processes and time.

    `documents`, `tokens`, `windows`: judged, for which the model was given `forwarded_tokens`. Of
    the actors' time: `judge_seconds` with a shard at hand, `wait_seconds` between two; of the
    first, `step_seconds` in engine steps, and of these `model_seconds` in the model. `read_tokens`:
    tokens read and tokenised, in `read_seconds` and `tokenize_seconds` of one core.
    """

    documents: int = 0
    tokens: int = 0
    windows: int = 0
    forwarded_tokens: int = 0
    judge_seconds: float = 0.0
    wait_seconds: float = 0.0
    step_seconds: float = 0.0
    model_seconds: float = 0.0
    read_tokens: int = 0
    read_seconds: float = 0.0
    tokenize_seconds: float = 0.0
    parts: int = 0
    commit_seconds: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        theirs = vars(other)
        return Work(**{name: value + theirs[name] for name, value in vars(self).items()})


@dataclass(frozen=True)
class RunProgress:
    """Where the run stands. Seconds since the first engine was ready are `judging_seconds`.

    `suspects`: part names of the shards whose judging failed or never ended, with the reason.
    `bad_files`: input files that are not what their name says, with the reason.
    `halted`: why the run is stopping before its end; None while it is not.
    """

    engines: int = 0
    start_seconds: float = 0.0
    work: Work = Work()
    judging_seconds: float = 0.0
    faults: int = 0
    first_fault: str | None = None
    last_fault: str | None = None
    halted: str | None = None
    suspects: dict[str, str] = field(default_factory=dict)
    bad_files: dict[str, str] = field(default_factory=dict)


class Tally:
    """What actors and tasks report to. Reports of one process arrive in order."""

    def __init__(self, most_faults: int) -> None:
        self._most_faults = most_faults
        self._engines = 0
        self._start_seconds = 0.0
        self._work = Work()
        self._metrics = {name: Counter(f"rm_ray_{name}") for name in vars(Work())}
        self._first: float | None = None
        self._start_failures = 0
        self._faults = 0
        self._in_a_row = 0
        self._first_fault: str | None = None
        self._last_fault: str | None = None
        self._halted: str | None = None
        self._paused: str | None = None
        self._suspects_in_a_row = 0
        self._lost_files: set[str] = set()
        self._judging: set[str] = set()
        self._suspects: dict[str, str] = {}
        self._bad_files: dict[str, str] = {}

    def started(self, seconds: float) -> None:
        """An engine is ready after so many seconds."""
        self._engines += 1
        self._start_seconds = max(self._start_seconds, seconds)
        self._first = self._first or time.monotonic()

    def start_failed(self, reason: str) -> str | None:
        """An engine did not start; returns why the run is stopping, if it is.

        Where none has ever started, a few tries tell that none will.
        """
        self.fault(reason)
        self._start_failures += 1
        if not self._engines and self._start_failures >= START_TRIES:
            self.halt(reason)
        return self._halted

    def begin(self, part: str, rows: str) -> str | None:
        """A shard is about to be judged; returns why it should not be: the run is stopping, or
        the shard has just broken an engine.
        """
        if part in self._suspects:
            return self._suspects[part]
        if part in self._judging:
            self.fault(f"{rows}: {ENDED}")
        if self.halted() is None:
            self._judging.add(part)
        return self.halted()

    def add(self, work: Work) -> None:
        """Work was done. A part that was written shows that the run gets on."""
        self._work += work
        for name, done in vars(work).items():
            if done:
                self._metrics[name].inc(done)
        if work.parts:
            self._in_a_row = self._suspects_in_a_row = 0

    def done(self, part: str) -> None:
        """A shard was judged to its end."""
        self._judging.discard(part)
        self._suspects.pop(part, None)

    def suspect(self, part: str, rows: str, reason: str) -> None:
        """Judging a shard (`rows`, in words) failed, and the engine that did it is well.

        Too many in a row pause the pipeline: isolation finds out what they have in common.
        """
        self._judging.discard(part)
        self._suspects[part] = reason
        self._note(f"{rows}: {reason}")
        self._suspects_in_a_row += 1
        if self._suspects_in_a_row >= self._most_faults:
            self._paused = f"judging failed for {self._suspects_in_a_row} shards in a row"

    def resume(self) -> None:
        """Isolation has settled the suspects: the pipeline may go on."""
        self._paused = None
        self._suspects_in_a_row = 0
        self._suspects.clear()
        self._judging.clear()

    def bad_file(self, path: str, reason: str) -> None:
        """An input file turned out not to be readable Parquet."""
        self._bad_files.setdefault(path, reason)
        self._first_fault = self._first_fault or reason

    def lost_file(self, path: str, reason: str) -> None:
        """An input file has changed or is refused; one fault, however many shards it has."""
        if path not in self._lost_files:
            self._lost_files.add(path)
            self.fault(reason)

    def fault(self, reason: str) -> None:
        """Something went wrong; too often in a row, and the run stops."""
        self._note(reason)
        self._in_a_row += 1
        if self._in_a_row >= self._most_faults:
            self.halt(f"{self._in_a_row} faults in a row with no part written; the last: {reason}")

    def _note(self, reason: str) -> None:
        self._faults += 1
        self._first_fault = self._first_fault or reason
        self._last_fault = reason

    def halt(self, reason: str) -> None:
        """Let nothing new begin; the first reason stands."""
        self._halted = self._halted or reason

    def halted(self) -> str | None:
        """Why nothing new should begin, None while it should."""
        return self._halted or self._paused

    def stopped(self) -> str | None:
        """Why the run is stopping for good; a pause is none."""
        return self._halted

    def progress(self) -> RunProgress:
        """Everything so far."""
        return RunProgress(
            engines=self._engines,
            start_seconds=self._start_seconds,
            work=self._work,
            judging_seconds=time.monotonic() - self._first if self._first else 0.0,
            faults=self._faults,
            first_fault=self._first_fault,
            last_fault=self._last_fault,
            halted=self._halted,
            suspects=dict.fromkeys(self._judging, ENDED) | self._suspects,
            bad_files=dict(self._bad_files),
        )


def start_tally(engines: int) -> Any:
    """A Tally actor beside the driver. `engines`: the most that will run at once."""
    here = ray.get_runtime_context().get_node_id()
    strategy = NodeAffinitySchedulingStrategy(here, soft=True)
    # all of them may be lost at once, twice over, and the run still goes on
    most_faults = FAULTS_IN_A_ROW + 2 * engines
    # should it be lost, counting begins anew; shards whose failure it forgets are found missing
    # at the end, and the next round or run meets them again
    return (
        ray.remote(Tally)
        .options(num_cpus=0, scheduling_strategy=strategy, max_restarts=-1, max_task_retries=-1)
        .remote(most_faults)
    )
