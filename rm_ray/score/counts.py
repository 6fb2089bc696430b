"""Counts of scoring: those of documents are in a part's footer, those of processes are not."""

from dataclasses import dataclass

from rm_ray.counts.summable import spent
from rm_ray.judges.judge import JudgedCounts
from rm_ray.run.counts import RunCounts


@dataclass
class ScoreCounts(RunCounts, JudgedCounts):
    """ScoreCounts adds to the counts of every run those of documents, processes and estimates."""

    tokens: int = 0
    """Tokens of the documents."""
    forwarded_tokens: int = 0
    """Tokens that an engine scheduled for the documents' prompts."""
    preemptions: int = 0
    """Requests that the engine preempted."""
    read_tokens: int = spent(0)
    """Tokens of documents that were read and tokenised."""
    read_seconds: float = spent(0.0)
    """Seconds of one core for reading them."""
    tokenize_seconds: float = spent(0.0)
    """Seconds of one core for tokenising them."""
    judge_seconds: float = spent(0.0)
    """Seconds in which judge actors had a shard to judge."""
    wait_seconds: float = spent(0.0)
    """Seconds in which judge actors waited between two shards."""
    step_seconds: float = spent(0.0)
    """Seconds of `judge_seconds` that were spent in engine steps."""
    model_seconds: float = spent(0.0)
    """Seconds of `step_seconds` that were spent in the model."""
    needed_tokens: int = spent(0)
    """Tokens that the engine will forward; only in an estimate."""
