"""evidently's drift report against ours on the same nights: alerts, time and memory.

    python -m benchmarks.evidently_report --documents 800 --nights 8
    python -m benchmarks.evidently_report --documents 1_000_000 --only size

evidently gets an environment of its own, in the folder --environment, made with `pip install
evidently==0.7.23 pyarrow "pandas<3.1"` (it cannot be imported with pandas 3.1). It is no
requirement of rm_ray.

Nights have four sources, with simulated rewards. The mode "nights" makes eight quiet nights (or as
many as --nights says), after seven nights without a full baseline. Then come five other nights,
each as the next night after these. Ours is jobs/report.py by source, over its history. evidently's
preset gets the pooled rewards of the seven nights before, once over all documents and once per
source, with its default methods. The mode "size" compares one large night with another one.

Seconds are of the whole command, with the start of Python, and for ours also of Ray. Memory is the
largest sum over the command's processes, with shared pages counted once (PSS), and the largest of a
single process.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.corpus.shards import Shard
from tests.conftest import ROOT
from tests.jobs import environment
from tests.scored_runs import fabricate

REQUIREMENTS = ("evidently==0.7.23", "pyarrow", "pandas<3.1")
BEFORE = 7
GROUP_ROWS = 1000
Rng = np.random.Generator
# Rewards of each source: skewed, heavy-tailed, narrow, bimodal.
SOURCES: dict[str, Callable[[Rng, int], np.ndarray]] = {
    "web": lambda rng, n: rng.gamma(2, size=n),
    "forum": lambda rng, n: rng.standard_t(3, n),
    "speech": lambda rng, n: rng.normal(1, 0.1, n),
    "code": lambda rng, n: rng.choice([-2, 2], n) + rng.normal(0, 0.5, n),
}
# The t distribution of 3 degrees of freedom has this standard deviation.
FORUM_SD = 3**0.5


@dataclass(frozen=True)
class Night:
    """A Night is the number of documents per source relative to a usual night, and a change
    of a source.
    """

    shares: Mapping[str, float]
    """Documents of each source over its usual number."""
    shifted: str | None = None
    """Source with shifted rewards; None for no source."""
    constant: str | None = None
    """Source with constant rewards; None for no source."""


USUAL = dict.fromkeys(SOURCES, 1.0)
TESTS = {
    "quiet": Night(USUAL),
    "forum shifted by 1 sd": Night(USUAL, shifted="forum"),
    "a quarter of speech": Night(USUAL | {"speech": 0.25}),
    "web is one passage": Night(USUAL, constant="web"),
    # no source falls below half: from there, our volume rule alerts
    "other mix": Night({"web": 1.6, "forum": 1.3, "speech": 0.55, "code": 0.55}),
}


@dataclass(frozen=True)
class Cost:
    """The cost of a command."""

    seconds: float
    """Seconds of the whole command."""
    memory: float
    """Peak memory of all processes together, in MiB."""
    largest: float
    """Peak memory of the largest process, in MiB."""
    pages: float
    """Size of the written pages, in KiB."""

    def __str__(self) -> str:
        return f"{self.seconds:.1f} | {self.memory:,.0f} ({self.largest:,.0f}) | {self.pages:,.0f}"


def rows_of(night: Night, documents: int, seed: int) -> pa.Table:
    """Return the documents of a night with their rewards, in random order."""
    rng = np.random.default_rng(seed)
    passages = [" ".join(rng.choice(list(SOURCES), 150)) for _ in range(100)]
    sources, rewards, texts = [], [], []
    for name, draw in SOURCES.items():
        n = round(documents / len(SOURCES) * night.shares[name])
        mine, passage = draw(rng, n), rng.integers(0, len(passages), n)
        if name == night.constant:
            mine, passage = np.full(n, mine[0]), np.full(n, passage[0])
        sources.append(np.full(n, name))
        rewards.append(mine - FORUM_SD * (name == night.shifted))
        texts.append(np.array(passages)[passage])
    order = rng.permutation(sum(map(len, rewards)))
    n = len(order)
    return pa.table(
        {
            "id": pa.array(np.arange(n)).cast(pa.string()),
            "text": np.concatenate(texts)[order],
            "source": np.concatenate(sources)[order],
            "reward": np.concatenate(rewards)[order].astype(np.float32),
            "n_tokens": rng.integers(20, 5000, n),
            "status": ["ok"] * n,
            "error": pa.nulls(n, pa.string()),
        }
    )


def write_run(folder: Path, rows: pa.Table) -> Path:
    """Write a scoring run of a night."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    pq.write_table(rows.select(["id", "text"]), corpus / "0.parquet", row_group_size=GROUP_ROWS)
    kept = rows.drop_columns(["text"])

    def rewards(shard: Shard) -> pa.Table:
        return kept.slice(shard.start, shard.stop - shard.start)

    fabricate(folder / "scored", corpus, rewards, shard_rows=50 * GROUP_ROWS)
    return folder / "scored"


def make_environment(folder: Path) -> Path:
    """Return evidently's Python, and install it if it is missing."""
    python, made = folder / "bin" / "python", folder / "requirements.txt"
    if not made.exists() or made.read_text().split() != [*REQUIREMENTS]:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS]
        subprocess.run([str(python), *words], check=True)
        made.write_text("\n".join(REQUIREMENTS))
    return python


def costs(words: list[str], out: Path, allowed: tuple[int, ...] = (0,)) -> Cost:
    """Run a command that writes its pages into a folder, and measure it."""
    log, peak, largest = out.with_suffix(".log"), 0, 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as told:
        began = time.monotonic()
        job = subprocess.Popen(
            words, cwd=ROOT, env=environment(DO_NOT_TRACK="1"), stdout=told, stderr=told
        )
        me = psutil.Process(job.pid)
        while job.poll() is None:
            sizes = [0]
            with contextlib.suppress(psutil.Error):
                for process in [me, *me.children(recursive=True)]:
                    with contextlib.suppress(psutil.Error):
                        sizes.append(process.memory_full_info().pss)
            peak, largest = max(peak, sum(sizes)), max(largest, *sizes)
            time.sleep(0.1)
        seconds = time.monotonic() - began
    assert job.returncode in allowed, log.read_text()
    pages = sum(path.stat().st_size for path in out.glob("*.html"))
    return Cost(seconds, peak / 2**20, largest / 2**20, pages / 2**10)


def ours(run: Path, history: Path, name: str, out: Path) -> tuple[Cost, list[str]]:
    """Run our report; return its cost and its alerts that count."""
    options = {"rewards.path": run, "output.path": out, "by": "source", "history.path": history,
               "night": name}  # fmt: skip
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    cost = costs([sys.executable, "jobs/report.py", *words], out, allowed=(0, 3))
    alerts = json.loads((out / "report.json").read_text())["verdict"]["alerts"]
    counted = [alert for alert in alerts if alert["folded_into"] is None]
    return cost, [f"{a['group'] or 'all documents'}: {a['rule']}" for a in counted]


def theirs(
    python: Path, run: Path, before: list[Path], out: Path
) -> tuple[Cost, list[dict[str, Any]]]:
    """Run evidently's reports; return their cost and the drifted columns."""
    script = ROOT / "benchmarks" / "contenders" / "evidently_nights.py"
    cost = costs([str(python), str(script), *map(str, (out, run, *before))], out)
    said = json.loads((out / "said.json").read_text())
    return cost, [one for one in said if one["drifted"]]


def line(name: str, who: str, cost: Cost, said: list[str]) -> None:
    print(f"| {name} | {who} | {cost} | {'; '.join(said) or 'nothing'} |", flush=True)


def lines(name: str, run: Path, before: list[Path], history: Path, python: Path) -> tuple[
    list[str], list[dict[str, Any]]
]:  # fmt: skip
    """Run both on one night, and return lines with their alerts."""
    out = run.parent
    our_cost, alerts = ours(run, history, out.name, out / "ours")
    their_cost, drifted = theirs(python, run, before, out / "evidently")
    line(name, "rm_ray", our_cost, alerts)
    words = [
        f"{one['source'] or 'all'}: {one['column']} ({one['method']} {one['score']:.3g})"
        for one in drifted
    ]
    line(name, "evidently", their_cost, words)
    return alerts, drifted


def nights(folder: Path, documents: int, count: int, python: Path) -> None:
    history, runs = folder / "history", []
    for number in range(BEFORE + count):
        name = f"night-{number:04}"
        runs.append(write_run(folder / name, rows_of(Night(USUAL), documents, number)))
    for number in range(BEFORE):
        ours(runs[number], history, runs[number].parent.name, runs[number].parent / "ours")
    alarms: Counter[str] = Counter()
    for number in range(BEFORE, BEFORE + count):
        run, before = runs[number], runs[number - BEFORE : number]
        alerts, drifted = lines(f"quiet {number - BEFORE + 1}", run, before, history, python)
        alone = [one for one in drifted if one["source"]]
        alarms += Counter({
            "rm_ray alerts": len(alerts), "rm_ray nights": bool(alerts),
            "evidently sources": len(alone), "evidently nights": bool(drifted),
            "evidently columns of all": len(drifted) - len(alone),
        })  # fmt: skip
    for number, (name, night) in enumerate(TESTS.items()):
        place = folder / f"test-{number}"
        run = write_run(place, rows_of(night, documents, 10_000 + number))
        shutil.copytree(history, place / "history")
        lines(name, run, runs[-BEFORE:], place / "history", python)
    print(
        f"\nfalse alarms in {count} quiet nights of {len(SOURCES)} sources\n"
        f"rm_ray: {alarms['rm_ray alerts']} alerts, in {alarms['rm_ray nights']} nights\n"
        f"evidently: {alarms['evidently sources']} of {count * len(SOURCES)} reports of a source, "
        f"{alarms['evidently columns of all']} of {2 * count} columns over all, "
        f"in {alarms['evidently nights']} nights"
    )


def size(folder: Path, documents: int, python: Path) -> None:
    before, tonight = (
        write_run(folder / f"night-{number}", rows_of(Night(USUAL), documents, number))
        for number in range(2)
    )
    ours(before, folder / "history", "night-0", before.parent / "ours")
    lines(f"{documents:,} documents", tonight, [before], folder / "history", python)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=800, help="of one night")
    parser.add_argument("--nights", type=int, default=8, help="quiet nights that are judged")
    parser.add_argument("--only", choices=["nights", "size"], default="nights")
    parser.add_argument("--environment", type=Path, default=ROOT / "outputs" / "evidently-venv")
    given = parser.parse_args()
    python = make_environment(given.environment.absolute())
    print("| night | | seconds | MiB (largest process) | pages, KiB | said |")
    print("| --- | --- | ---: | ---: | ---: | --- |")
    with tempfile.TemporaryDirectory() as name:
        if given.only == "size":
            size(Path(name), given.documents, python)
        else:
            nights(Path(name), given.documents, given.nights, python)


if __name__ == "__main__":
    main()
