"""What a run would cost before it is spent: tokens from a sample, hours from a measurement."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rm_ray.config import OutputConfig
from rm_ray.corpus.plan import PlannedFile, shards_of
from rm_ray.corpus.sample import RowSample
from rm_ray.corpus.shards import Shard
from rm_ray.engines.sharing import Sharing
from rm_ray.errors import ConfigError
from rm_ray.run.output.folder import REWARDS, SPEED, RunFolder
from rm_ray.run.standing.price import Price, dollars, number
from rm_ray.score.config import ScoreConfig
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.planning import ScorePlanning

# Up to this ratio, forwarded tokens are called the exact minimum.
MATTERS = 1.005


@dataclass(frozen=True)
class Cost:
    """`left`: what is to be judged. `hours`: of all engines together, None where nothing tells.

    `source`: where the speed comes from, or what to give for one. `most`: a remark, where `left` is
    what it can be at most. `reason`: why the engine may forward more than the exact minimum.
    """

    left: ScoreCounts
    hours: float | None
    source: str
    price: Price
    most: str
    reason: str

    @property
    def hours_text(self) -> str:
        """The hours, or that they are not known."""
        return "unknown" if self.hours is None else number(self.hours)

    @property
    def forwarded_text(self) -> str:
        """Says that the forwarded tokens are the exact minimum, or how much more and why."""
        needed, minimum = self.left.needed_tokens, self.left.minimum_tokens
        if not (reason := reason_for_more(needed, minimum, self.reason)):
            return f"the exact minimum{self.most}"
        return f"{needed / minimum:.2f} times the exact minimum{self.most}: {reason}"

    @property
    def source_text(self) -> str:
        """Where they come from, after what they cost, where that is known."""
        money = None if self.hours is None else self.price.money(self.hours)
        return self.source if money is None else f"{dollars(money)}, {self.source}"


@dataclass(frozen=True)
class Speed:
    """Of one engine: document tokens a second, or forwarded ones, which hold for any lengths."""

    tokens_per_second: float
    forwarded: bool
    source: str


def cost_of(
    config: ScoreConfig,
    files: Sequence[PlannedFile],
    committed: Collection[str],
    new: ScorePlanning,
    metrics: Mapping[str, Any] | None,
    sharing: Sharing,
    *,
    at_most: bool,
) -> Cost:
    """What the shards that are not committed would cost.

    Args:
        metrics: the run's own metrics.json, where it has one.
        sharing: how much of a prefix the engine keeps.
        at_most: judging may stop early.

    Raises:
        ConfigError: estimate.run has no measurement.
    """
    sample = RowSample(config.input.sample_fraction, config.input.sample_seed)
    fresh = {file.path for file in new.files}
    begun = [
        shard
        for shard in shards_of(files)
        if shard.part not in committed
        and (shard.file not in fresh or shard.stop <= new.continued.get(shard.file, 0))
    ]
    left = new.estimate + _at_averages(begun, sample, metrics, sharing)
    speed = _speed(config, metrics)
    price = Price(config.pool.gpus, config.cost.per_gpu_hour)
    hours = None
    if speed:
        tokens = left.needed_tokens if speed.forwarded else left.tokens
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
    """Return the reason if notably more than the exact minimum is forwarded, else nothing."""
    return reason if forwarded > MATTERS * minimum else ""


def _at_averages(
    shards: Sequence[Shard],
    sample: RowSample,
    metrics: Mapping[str, Any] | None,
    sharing: Sharing,
) -> ScoreCounts:
    """Shards planned by an earlier run, which holds what its documents were on average."""
    totals = (metrics or {}).get("totals", {})
    if not totals.get("documents"):
        return ScoreCounts()
    documents = sum(sample.count(s.file, s.start, s.stop) for s in shards)
    share = documents / totals["documents"]
    names = ("tokens", "windows", "minimum_tokens")
    needed = totals["forwarded_tokens" if sharing.reason else "minimum_tokens"]
    found = ScoreCounts(needed_tokens=needed, **{name: totals[name] for name in names})
    return found.scaled(share)


def _speed(config: ScoreConfig, metrics: Mapping[str, Any] | None) -> Speed | None:
    given = config.estimate
    if given.tokens_per_s is not None:
        said = f"at the given {given.tokens_per_s:,.0f} document tokens/s an engine"
        return Speed(given.tokens_per_s, forwarded=False, source=said)
    where = "this run"
    if given.run is not None:
        where = given.run
        other = RunFolder(OutputConfig(path=given.run, storage=config.output.storage), REWARDS)
        metrics = other.metrics()
    rate = (metrics or {}).get(SPEED)
    if rate:
        said = f"at {rate:,.0f} forwarded tokens/s an engine, measured by {where}"
        return Speed(rate, forwarded=True, source=said)
    if given.run is not None:
        raise ConfigError(
            f"estimate.run: {given.run} has no measured speed in _rm_ray/metrics.json; give the "
            "output folder of a run that has scored something"
        )
    return None
