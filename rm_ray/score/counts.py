"""What scoring counts: of documents, as a part's footer keeps it, and of the processes' work."""

from dataclasses import dataclass

from rm_ray.counts.summable import spent
from rm_ray.judges.judge import JudgedCounts
from rm_ray.run.counts import RunCounts


@dataclass
class ScoreCounts(RunCounts, JudgedCounts):
    """Of documents: their `tokens`, what was asked about them, and `forwarded_tokens`, those that
    an engine scheduled.

    Of processes: `read_tokens` read and tokenised in `read_seconds` and `tokenize_seconds` of one
    core; of judge actors' time `judge_seconds` with a shard at hand, `wait_seconds` between two, of
    the first `step_seconds` in engine steps, of these `model_seconds` in the model.

    Of an estimate: `needed_tokens`, those that this engine will forward.
    """

    tokens: int = 0
    forwarded_tokens: int = 0
    preemptions: int = 0
    read_tokens: int = spent(0)
    read_seconds: float = spent(0.0)
    tokenize_seconds: float = spent(0.0)
    judge_seconds: float = spent(0.0)
    wait_seconds: float = spent(0.0)
    step_seconds: float = spent(0.0)
    model_seconds: float = spent(0.0)
    needed_tokens: int = spent(0)
