"""The output: one row a document. Its columns, and the counts that a part's footer carries.

Pure; knows nothing of engines or storage.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import pyarrow as pa

from rm_ray.chunks import standard_error
from rm_ray.judges.preference import mean_reward


@dataclass(frozen=True)
class Verdict:
    """What is said of one document. `reward` is None unless `status` is ok."""

    n_tokens: int
    n_chunks: int
    status: str
    error: str | None = None
    reward: float | None = None
    stderr: float | None = None
    chunk_rewards: Sequence[float] | None = None
    judged_chunks: Sequence[int] | None = None


@dataclass(frozen=True)
class Counts:
    """What was done, summable over documents, shards and runs. Tokens unless they say otherwise.

    `prompt_tokens`: of all windows, whole. `forwarded_tokens`: what the engine scheduled of them.
    `minimum_tokens`: the fewest it could have; `whole_minimum_tokens`: the fewest with every chunk
    of every document judged. `partly_judged`: documents of which some chunks were not judged.
    """

    documents: int = 0
    statuses: Mapping[str, int] = field(default_factory=dict)
    tokens: int = 0
    windows: int = 0
    prompt_tokens: int = 0
    forwarded_tokens: int = 0
    minimum_tokens: int = 0
    whole_minimum_tokens: int = 0
    partly_judged: int = 0
    preemptions: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        summed = {
            name: value + getattr(other, name)
            for name, value in vars(self).items()
            if name != "statuses"
        }
        statuses = Counter(self.statuses) + Counter(other.statuses)
        return Counts(**summed, statuses=dict(sorted(statuses.items())))

    def engine_only(self) -> "Counts":
        """What the engine did, without the documents it was done for."""
        return replace(
            self,
            documents=0,
            statuses={},
            tokens=0,
            minimum_tokens=0,
            whole_minimum_tokens=0,
            partly_judged=0,
        )

    def to_json(self) -> str:
        """For footers, notes and metrics."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Counts":
        """The counts that `to_json` wrote."""
        return cls(**json.loads(text))


def judged(n_tokens: int, rewards: Mapping[int, float], chunks: int) -> Verdict:
    """The verdict on a document from its chunk rewards; failed where one is not a number.

    Args:
        rewards: by chunk number.
        chunks: how many of the document's chunks could be judged.
    """
    for number, reward in rewards.items():
        if not math.isfinite(reward):
            error = f"the engine returned {reward} for chunk {number}"
            return Verdict(n_tokens, len(rewards), "failed", error)
    if not rewards:
        return Verdict(n_tokens, 0, "too_short", "shorter than what can be judged")
    numbers = sorted(rewards)
    in_order = [rewards[number] for number in numbers]
    return Verdict(
        n_tokens=n_tokens,
        n_chunks=len(numbers),
        status="ok",
        reward=mean_reward(in_order),
        stderr=standard_error(in_order, chunks),
        chunk_rewards=in_order,
        judged_chunks=None if len(numbers) == chunks else numbers,
    )


def reward_table(
    source_file: str, rows: pa.Array, carried: Mapping[str, pa.Array], verdicts: Sequence[Verdict]
) -> pa.Table:
    """The output rows of some documents, in the order given."""
    n = len(verdicts)
    table = dict(carried)
    table["source_file"] = pa.array([source_file] * n, pa.string())
    table["row"] = rows
    table["reward"] = pa.array([v.reward for v in verdicts], pa.float32())
    table["reward_stderr"] = pa.array([v.stderr for v in verdicts], pa.float32())
    table["chunk_rewards"] = pa.array(
        [v.chunk_rewards for v in verdicts],
        pa.list_(pa.float32()),
    )
    table["judged_chunks"] = pa.array([v.judged_chunks for v in verdicts], pa.list_(pa.int32()))
    table["n_tokens"] = pa.array([v.n_tokens for v in verdicts], pa.int64())
    table["n_chunks"] = pa.array([v.n_chunks for v in verdicts], pa.int64())
    table["status"] = pa.array([v.status for v in verdicts], pa.string())
    table["error"] = pa.array([v.error for v in verdicts], pa.string())
    return pa.table(table)


def total(counts: Iterable[Counts]) -> Counts:
    """The sum of counts."""
    return sum(counts, Counts())
