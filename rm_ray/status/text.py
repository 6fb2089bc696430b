"""What jobs/status.py says, as a page of lines and as JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from rm_ray.run.progress import duration
from rm_ray.run.standing import Standing
from rm_ray.status.look import Status


def page(status: Status) -> str:
    """For people. What a dead run's last driver said is said to be that."""
    judge = f" by {status.model}" if status.model else ""
    begun = f"begun {status.created}" if status.created else "not planned yet"
    head = f"{status.uri}: a {status.kind} run{judge}, {begun}"
    return "\n".join([head, *(f"{name:<12}{text}" for name, text in _lines(status))])


def as_json(status: Status) -> str:
    """For scripts: the same, by name."""
    return json.dumps({"state": _state(status), **asdict(status)}, indent=2)


def _lines(status: Status) -> Iterator[tuple[str, str]]:
    states = {
        "live": f"live: {status.owner} is at work",
        "complete": "complete",
        "dead": "not complete, and nobody is at work; its own command goes on",
    }
    yield "state", states[_state(status)]
    if not status.created:
        yield "shards", "not planned yet: it lists the input, plans, or waits for machines"
        return
    done = status.shards - status.left
    yield "shards", f"{done:,} of {status.shards:,} done, {status.left:,} left"
    if status.complete and status.totals:
        statuses = ", ".join(f"{n:,} {name}" for name, n in status.totals["statuses"].items())
        yield "documents", f"{status.totals['documents']:,} ({statuses})"
    if last := status.last:
        yield from _said(last, status)


def _said(last: Standing, status: Status) -> Iterator[tuple[str, str]]:
    price = last.price
    ago = datetime.now(UTC) - datetime.fromisoformat(last.at)
    yield "last word", f"{duration(max(0.0, ago.total_seconds()))} ago, {last.at}"
    if last.speed and _state(status) == "live":
        plural = "" if last.engines == 1 else "s"
        yield "speed", f"{last.speed} on {last.engines} engine{plural}"
    if last.faults:
        yield "faults", f"{last.faults:,}; the last: {last.last_fault}"
    if last.failed:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(last.failed.items()))
        yield "given up", f"{sum(last.failed.values()):,} documents ({kinds})"
    if last.stopped and not status.complete:
        yield "stopped", last.stopped
    if price.is_asked:
        yield "cost so far", price.text(last.hours)
    if 0 < status.left <= last.shards_left and last.hours_left is not None:
        yield "to finish", _to_finish(last, status)
    elif status.left:
        yield "to finish", "not known yet: too little is done to tell a speed from"


def _to_finish(last: Standing, status: Status) -> str:
    """As reckoned at the last word; of shards that were done since then, nothing."""
    price, share = last.price, status.left / last.shards_left
    said = []
    if price.is_asked and last.hours_left is not None:
        said.append(price.text(last.hours_left * share))
    if last.seconds_left is not None:
        said.append(f"{duration(last.seconds_left * share)} with as many engines as there were")
    return ", ".join(said)


def _state(status: Status) -> str:
    if status.owner:
        return "live"
    return "complete" if status.complete and not status.left else "dead"
