"""Estimates the cost of a run before it starts, from sampled documents and a measured speed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rm_ray.config import OutputConfig
from rm_ray.corpus.plan import PlannedFile, shards_of
from rm_ray.corpus.tables.deleted import Undeleted
from rm_ray.engines.sharing import Sharing
from rm_ray.errors import ConfigError
from rm_ray.run.output.folder import MEASURED_GPUS, REWARDS, SPEED, RunFolder
from rm_ray.run.standing.price import Price, dollars, number
from rm_ray.score.config import ScoreConfig
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.planning import ScorePlanning

# Forwarded tokens up to so many times the exact minimum are shown as the exact minimum.
MATTERS = 1.005


@dataclass(frozen=True)
class Cost:
    """A Cost is the estimated cost of the documents that a run has not judged yet."""

    left: ScoreCounts
    """Estimated counts of these documents."""
    hours: float | None
    """Estimated hours, of the unit of `price`, for all engines together; None if no speed is
    known."""
    source: str
    """How the speed is known, or how to give one."""
    price: Price
    """Turns hours into money."""
    most: str
    """A remark that `left` is an upper bound; empty if it is not."""
    reason: str
    """Why the engine may forward more than the exact minimum; empty if it does not."""

    @property
    def hours_text(self) -> str:
        """Return the hours as text, or "unknown"."""
        return "unknown" if self.hours is None else number(self.hours)

    @property
    def forwarded_text(self) -> str:
        """Say that the forwarded tokens are the exact minimum, or how many times it and why."""
        needed, minimum = self.left.needed_tokens, self.left.minimum_tokens
        if not (reason := reason_for_more(needed, minimum, self.reason)):
            return f"the exact minimum{self.most}"
        return f"{needed / minimum:.2f} times the exact minimum{self.most}: {reason}"

    @property
    def source_text(self) -> str:
        """Say how the speed is known, after the price of the hours if that is known."""
        money = None if self.hours is None else self.price.money(self.hours)
        return self.source if money is None else f"{dollars(money)}, {self.source}"


@dataclass(frozen=True)
class Speed:
    """A Speed is the speed of one engine."""

    tokens_per_second: float
    """Forwarded tokens, or tokens of documents, per second."""
    forwarded: bool
    """True for forwarded tokens: their speed holds for documents of any length."""
    source: str
    """How the speed is known, in words."""


def cost_of(
    config: ScoreConfig,
    files: Sequence[PlannedFile],
    chosen: Undeleted,
    committed: Collection[str],
    new: ScorePlanning,
    judged: ScoreCounts,
    metrics: Mapping[str, Any] | None,
    sharing: Sharing,
    *,
    at_most: bool,
) -> Cost:
    """Estimate the cost of the shards that are not committed.

    Args:
        config: the job's configuration.
        files: all planned files, the new ones included.
        chosen: the rows to score.
        committed: names of the parts that are committed.
        new: the files planned just now, with the estimate of their documents.
        judged: counts of documents like those planned before; 0 documents if nothing was planned.
        metrics: the run's own metrics.json; None if it has none.
        sharing: how much of a prefix the engine keeps.
        at_most: True if judging may stop early, so that the cost is an upper bound.

    Raises:
        ConfigError: estimate.run has no measurement.
    """
    new_paths = {file.path for file in new.files}
    planned_before = [
        shard
        for shard in shards_of(files)
        if shard.part not in committed
        and (shard.file not in new_paths or shard.stop <= new.continued.get(shard.file, 0))
    ]
    documents = sum(chosen.count(one.file, one.start, one.stop) for one in planned_before)
    left = new.estimate + judged.scaled(documents / max(1, judged.documents))
    speed = _speed(config, metrics)
    price = Price(config.pool.gpus, config.cost.per_gpu_hour)
    hours = None
    if speed:
        # a given speed is that of judging every chunk
        asked = left.minimum_tokens / max(1, left.whole_minimum_tokens)
        tokens = left.needed_tokens if speed.forwarded else left.tokens * asked
        hours = price.hours(tokens / speed.tokens_per_second)
    advice = "give --estimate.run or --estimate.tokens_per_s to know"
    return Cost(
        left=left,
        hours=hours,
        source=speed.source if speed else advice,
        price=price,
        most=" (at most)" if at_most else "",
        reason=sharing.reason,
    )


def reason_for_more(forwarded: int, minimum: int, reason: str) -> str:
    """Return the reason if notably more than the exact minimum is forwarded, else an empty text."""
    return reason if forwarded > MATTERS * minimum else ""


def judged_so_far(metrics: Mapping[str, Any] | None, sharing: Sharing) -> ScoreCounts | None:
    """Return the counts of the documents that the run has judged; None if there are none.

    Args:
        metrics: the run's own metrics.json; None if it has none.
        sharing: how much of a prefix the engine keeps.
    """
    totals = (metrics or {}).get("totals", {})
    if not totals.get("documents"):
        return None
    names = ("documents", "tokens", "windows", "minimum_tokens", "whole_minimum_tokens")
    needed = totals["forwarded_tokens" if sharing.reason else "minimum_tokens"]
    # runs of older versions have no count of all chunks
    known = {"whole_minimum_tokens": totals["minimum_tokens"], **totals}
    return ScoreCounts(needed_tokens=needed, **{name: known[name] for name in names})


def _speed(config: ScoreConfig, metrics: Mapping[str, Any] | None) -> Speed | None:
    """Return the configured speed, or the measured speed of `estimate.run` or of this run.

    Raises:
        ConfigError: estimate.run has no measurement.
    """
    given = config.estimate
    if given.tokens_per_s is not None:
        source = f"at the given {given.tokens_per_s:,.0f} document tokens/s per engine"
        return Speed(given.tokens_per_s, forwarded=False, source=source)
    measured_by = "this run"
    if given.run is not None:
        measured_by = given.run
        other = RunFolder(OutputConfig(path=given.run, storage=config.output.storage), REWARDS)
        metrics = other.metrics()
    rate = (metrics or {}).get(SPEED)
    if rate:
        source = f"at {rate:,.0f} forwarded tokens/s per engine, measured by {measured_by}"
        then, now = (metrics or {}).get(MEASURED_GPUS), config.pool.gpus
        if then is not None and then != now:
            source += f" on engines of {then:g} GPUs, and pool.gpus is {now:g} now: measure anew"
        return Speed(rate, forwarded=True, source=source)
    if given.run is not None:
        raise ConfigError(
            f"estimate.run: {given.run} has no measured speed in _rm_ray/metrics.json; give the "
            "output folder of a run that has scored something"
        )
    return None
