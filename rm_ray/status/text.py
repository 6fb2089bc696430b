"""What jobs/status.py says, as a page of lines and as JSON."""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from rm_ray.nightly.config import KEPT
from rm_ray.run.progress.log import duration
from rm_ray.run.standing.status import Standing
from rm_ray.scored.groups import printable
from rm_ray.status.look import Status
from rm_ray.status.nights import NightStatus


def page(status: Status) -> str:
    """For people, and nothing in it that a terminal would obey. What a dead run's last driver said
    is said to be that.
    """
    lines = _of_nights(status, status.nights) if status.nights else _of_run(status)
    return "\n".join(map(printable, lines))


def as_json(status: Status) -> str:
    """For scripts: the same, by name. A number that JSON does not know is null."""
    told = json.dumps({"state": status.state, **asdict(status)})
    return json.dumps(json.loads(told, parse_constant=lambda _: None), indent=2)


def dead(status: Status) -> str:
    """What is to be known of a job that is not complete, where nobody is at work on it."""
    if not status.nights:
        return f"{status.uri} is not complete, and nobody is at work"
    left = _what_is_left(status)
    return f"{status.job}: {left}, and nobody is at work; the nightly job's own command goes on"


def _what_is_left(status: Status) -> str:
    """What is not complete of a nightly job."""
    names = status.unfinished
    if not names:
        return "the scoring run is not complete"
    if len(names) == 1:
        return f"the night {names[0]} is not finished"
    return f"{len(names)} nights are not finished, the first is {names[0]}"


def _of_run(status: Status) -> Iterator[str]:
    yield f"{status.uri}: a {status.kind} run{_by_and_begun(status)}"
    states = {
        "live": f"live: {status.owner} is at work",
        "complete": "complete",
        "dead": "not complete, and nobody is at work; its own command goes on",
    }
    yield _line("state", states[status.state])
    yield from _lines(status)


def _of_nights(status: Status, nights: Sequence[NightStatus]) -> Iterator[str]:
    """The job, its nights, and its scoring run."""
    count, last = status.nights_in_all or len(nights), nights[-1]
    yield f"{status.job}: a nightly job"
    states = {
        "live": f"live: {status.owner} is at work",
        "complete": f"complete: every night is done; the last, {last.night}: {last.verdict}",
        "dead": f"not complete: {_what_is_left(status)}, and nobody is at work",
    }
    yield _line("state", states[status.state])
    if status.state == "dead":
        again = f"python jobs/nightly.py --config FILE --output.path {shlex.quote(status.job)}"
        yield _line("to go on", f"the same command as every night: {again}")
    earlier = count - len(nights)
    yield _line("nights", f"{count:,}{f'; {earlier:,} earlier ones are done' if earlier else ''}")
    yield from _table(nights)
    yield _line("scoring", f"{status.uri}{_by_and_begun(status)}")
    yield from _lines(status)


def _table(nights: Sequence[NightStatus]) -> Iterator[str]:
    """By night: its verdict, and the sentence of it or how far the night has come. Where a night
    is filtered, it is said of each that is done whether it is.
    """
    asked = any(one.filter for one in nights)
    filters = {"done": ", filtered", "not done": ", filter not done", None: ", not filtered"}
    rows = []
    for one in nights:
        verdict = f"{one.verdict}{filters[one.filter] if asked else ''}"
        done = one.state == "done"
        rows.append((one.night, verdict if done else "not finished", _come(one)))
    cells = [[printable(cell) for cell in row] for row in rows]
    wide = [max(len(row[column]) for row in cells) for column in (0, 1)]
    for night, verdict, come in cells:
        yield f"  {night:<{wide[0]}}  {verdict:<{wide[1]}}  {come}".rstrip()


def _come(one: NightStatus) -> str:
    """How far a night has come."""
    if one.state == "begun":
        return "begun, nothing is planned yet"
    if one.state == "scoring":
        shards, left = one.shards or 0, one.left or 0
        return f"{shards - left:,} of {shards:,} shards scored"
    if one.state == "scored":
        return "scored, not reported (a report that is being made does not show before its end)"
    if one.state == "reported":
        filters = {
            "done": "filtered; its verdict is not stored",
            "not done": f"its filter is not done: {KEPT}/night={one.night}",
            None: "no filter has begun",
        }
        return f"reported; {filters[one.filter]}"
    return one.sentence


def _by_and_begun(status: Status) -> str:
    judge = f" by {status.model}" if status.model else ""
    return f"{judge}, begun {status.created}" if status.created else f"{judge}, not planned yet"


def _line(name: str, text: str) -> str:
    return f"{name:<12}{text}"


def _lines(status: Status) -> Iterator[str]:
    if not status.created:
        if status.owner:
            said = "not planned yet: it lists the input, plans, or waits for machines"
            yield _line("shards", said)
        return
    done = status.shards - status.left
    yield _line("shards", f"{done:,} of {status.shards:,} done, {status.left:,} left")
    if status.complete and status.totals:
        statuses = ", ".join(f"{n:,} {name}" for name, n in status.totals["statuses"].items())
        yield _line("documents", f"{status.totals['documents']:,} ({statuses})")
        if skipped := status.totals.get("skipped_files"):
            first = next(iter(skipped.values()))
            yield _line("left out", f"{len(skipped):,} unreadable input files, first: {first}")
    if last := status.last:
        yield from (_line(name, text) for name, text in _said(last, status))


def _said(last: Standing, status: Status) -> Iterator[tuple[str, str]]:
    price = last.price
    ago = datetime.now(UTC) - datetime.fromisoformat(last.at)
    yield "last word", f"{duration(max(0.0, ago.total_seconds()))} ago, {last.at}"
    if last.speed and status.state == "live":
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
