"""Writes the status for jobs/status.py, as a page of lines and as JSON."""

import json
import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from rm_ray.corpus.groups import printable
from rm_ray.nightly.config import KEPT
from rm_ray.run.progress.log import duration
from rm_ray.run.standing.status import Standing
from rm_ray.status.look import Status
from rm_ray.status.nights import NightStatus


def page(status: Status) -> str:
    """Write the status for people, without characters that a terminal obeys.

    For a dead run, the page says that its figures are its last driver's.
    """
    lines = _of_nights(status, status.nights) if status.nights else _of_run(status)
    return "\n".join(map(printable, lines))


def as_json(values: Any) -> str:
    """Write values for scripts, as JSON. Infinities and NaN become null."""
    text = json.dumps(values)
    return json.dumps(json.loads(text, parse_constant=lambda _: None), indent=2)


def dead(status: Status) -> str:
    """Describe a job that is not complete and has no driver at work, in one sentence."""
    if not status.nights:
        return f"{status.uri} is not complete, and nobody is at work"
    left = _what_is_left(status)
    return f"{status.job}: {left}, and nobody is at work; the nightly job's own command goes on"


def _what_is_left(status: Status) -> str:
    """Name the part of a nightly job that is not complete."""
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
    if status.stage:
        yield _line("stage", status.stage)
    yield from _lines(status)


def _of_nights(status: Status, nights: Sequence[NightStatus]) -> Iterator[str]:
    """Yield the lines of a nightly job: the job, its nights, and its scoring run."""
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
    """Yield a line per night: its name, its verdict, and the verdict's sentence or its progress.

    If any night is filtered, the line of each finished night says what became of its documents.
    """
    asked = any(night.filter for night in nights)
    filters = {"done": ", filtered", "not done": ", filter not done", None: ", not filtered"}
    rows = []
    for night in nights:
        delivery = f", {night.delivery}" if night.delivery else filters[night.filter]
        verdict = f"{night.verdict}{delivery if asked else ''}"
        done = night.state == "done"
        rows.append((night.night, verdict if done else "not finished", _progress(night)))
    cells = [[printable(cell) for cell in row] for row in rows]
    wide = [max(len(row[column]) for row in cells) for column in (0, 1)]
    for name, verdict, progress in cells:
        yield f"  {name:<{wide[0]}}  {verdict:<{wide[1]}}  {progress}".rstrip()
    for night in nights:
        if night.released:
            yield f"  {night.night}: released {night.released}"
        yield from (f"  {night.night}: accepted: {text}" for text in night.accepted)


def _progress(night: NightStatus) -> str:
    """Describe the progress of a night, in words."""
    if night.state == "begun":
        return "begun, nothing is planned yet"
    if night.state == "scoring":
        shards, left = night.shards or 0, night.left or 0
        return f"{shards - left:,} of {shards:,} shards scored"
    if night.state == "scored":
        return "scored, not reported (a report that is being made only shows when it is done)"
    if night.state == "reported":
        filters = {
            "done": "filtered; its verdict is not stored",
            "not done": f"its filter is not done: {KEPT}/night={night.night}",
            None: "no filter has begun",
        }
        said = f" ({night.verdict}: {night.sentence})" if night.verdict else ""
        return f"reported; {filters[night.filter]}{said}"
    return night.sentence


def _by_and_begun(status: Status) -> str:
    judge = f" by {status.model}" if status.model else ""
    return f"{judge}, begun {status.created}" if status.created else f"{judge}, not planned yet"


def _line(name: str, text: str) -> str:
    return f"{name:<12}{text}"


def _lines(status: Status) -> Iterator[str]:
    if not status.created:
        if status.owner:
            text = "not planned yet: it lists the input, plans, or waits for machines"
            yield _line("shards", text)
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
        yield from (_line(name, text) for name, text in _last_words(last, status))


def _last_words(last: Standing, status: Status) -> Iterator[tuple[str, str]]:
    """Yield the lines that the last driver's stored progress gives, each with its name."""
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
    """Estimate the cost and time to finish, from the driver's last estimate.

    Shards that were committed since that estimate are left out.
    """
    price, share = last.price, status.left / last.shards_left
    estimates = []
    if price.is_asked and last.hours_left is not None:
        estimates.append(price.text(last.hours_left * share))
    if last.seconds_left is not None:
        seconds = last.seconds_left * share
        estimates.append(f"{duration(seconds)} with as many engines as there were")
    return ", ".join(estimates)
