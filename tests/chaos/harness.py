"""The real job on a cluster of several local nodes, hurt by a seeded plan of faults.

The same command is run until it exits 0; then every row must be there, once, with the reward of an
undisturbed run, and nothing that was committed may have been judged again.
"""

import contextlib
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import ClassVar

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import s3fs

from rm_ray.run.output.lease import DEAD_SECONDS
from tests import fault_engine
from tests.chaos import disk
from tests.chaos.disk import Disk
from tests.chaos.nodes import Nodes
from tests.chaos.proxy import KINDS, FaultyProxy
from tests.chaos.reports import Report
from tests.conftest import ROOT, tiny_judge
from tests.jobs import command, environment, prose

PROCESS_FAULTS = (
    *("driver killed", "driver stopped", "judge killed", "judge raises", "reader killed"),
    *("node lost", "judge frozen", "driver frozen", "second driver", "head lost"),
)
CLOCK_FAULTS = ("clock back", "clock forward")
STORE_FAULTS = (*(f"store {kind}" for kind in KINDS), "store slow", "store lagging")
REFUSALS = ("store full", "store read-only", "credentials expired")
DISK_FAULTS = disk.FAULTS if disk.is_possible() else ()
ALL_FAULTS = (*PROCESS_FAULTS, *CLOCK_FAULTS, *STORE_FAULTS, *REFUSALS, *DISK_FAULTS)

# Seconds: one invocation, with everything that was done to it.
LIMIT = 300
# Seconds for which an engine is frozen, and for which a driver is, until another has its lease.
FROZEN_ENGINE, FROZEN_DRIVER = 6, DEAD_SECONDS + 15
# Seconds before each request to a slow store is answered, and for how long it is slow.
SLOW_REQUEST, SLOW = 0.5, 6
# Seconds by which the driver's clock is set.
CLOCKS = {"back": -2 * 3600, "forward": 26 * 3600}
# sitecustomize.py in here sets the clock of a Python process
CLOCK = Path(__file__).parent / "clock"
CLIENT_TIMEOUT = 2
# How a file differs that is not that of the undisturbed run.
OTHER = "not the undisturbed run's"
BUCKET = "chaos"


class Chaos:
    """One S3 server behind one faulty proxy, one cluster, and scoring jobs on them."""

    # what is done, and by whom: titles of Ray's processes
    titles: ClassVar = {"judge": "JudgeActor", "reader": "ReadStage"}
    worker = "JudgeActor"
    # seconds before each request is answered
    slow = 0.0
    # what the folders of its outputs begin with
    prefix = ""

    def __init__(self, s3_endpoint: str, s3_environment: dict[str, str], folder: Path) -> None:
        self.folder = folder
        (folder / "judged").mkdir(parents=True)
        self.proxy = FaultyProxy(s3_endpoint, stall=3 * CLIENT_TIMEOUT)
        self.direct = s3fs.S3FileSystem(
            endpoint_url=s3_endpoint, key="testing", secret="testing", use_listings_cache=False,
            skip_instance_cache=True,
        )  # fmt: skip
        self.direct.mkdirs(BUCKET, exist_ok=True)
        options = f'{{"folder": "{folder}", "seconds": 0.02}}'
        self.env = environment(
            **{**s3_environment, "AWS_ENDPOINT_URL": self.proxy.url},
            PYTHONPATH=str(ROOT),
            **{fault_engine.ENVIRONMENT: options},
        )
        self.clock = folder / "clock"
        self._set_clock(0)
        self.disk = Disk() if disk.is_possible() else None
        on_disk = self.disk.folder if self.disk else Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
        self.env["TMPDIR"] = str(on_disk)
        (on_disk / "ray").mkdir()  # Ray writes the address of a cluster there
        self.nodes = Nodes(self.env, workers=3, folder=on_disk)

    def close(self) -> None:
        self.nodes.close()
        self.proxy.close()
        if self.disk:
            self.disk.close()

    def begin_again(self) -> None:
        """Forget all faults, end the jobs that are left, and start another cluster."""
        self.proxy.be_well()
        self._set_clock(0)
        for process in psutil.Process().children():
            if "jobs/" in " ".join(process.cmdline()):
                process.kill()
        self.nodes.begin_again()

    def corpus(self, seed: int, files: int, rows: int) -> str:
        """A corpus in the store; row groups of 8."""
        rng = random.Random(seed)
        for f in range(files):
            texts = [prose(rng, rng.randint(40, 160)) for _ in range(rows)]
            table = pa.table({"id": [f"{f}-{r}" for r in range(rows)], "text": texts})
            with self.direct.open(f"{BUCKET}/in-{seed}/{f}.parquet", "wb") as file:
                pq.write_table(table, file, row_group_size=8)
        return f"s3://{BUCKET}/in-{seed}"

    def start(
        self, log: Path, corpus: str, output: str, engine: str, **changes: object
    ) -> subprocess.Popen:
        words = command(**{
            "input_path": corpus, "output_path": f"s3://{output}", "engine_name": engine,
            "shard_rows": 8, "pool_min_actors": 2, "pool_max_actors": 3, "pool_wait_s": 60,
            "engine_threads": 1, **changes,
        })  # fmt: skip
        words += ["--input.storage.timeout_s", str(CLIENT_TIMEOUT)]
        words += ["--output.storage.timeout_s", str(CLIENT_TIMEOUT)]
        return self._start(words, log)

    def _start(self, words: list[str], log: Path) -> subprocess.Popen:
        self.proxy.slow = self.slow
        env = {
            **self.env, "RAY_ADDRESS": self.nodes.address, "RM_RAY_CHAOS_CLOCK": str(self.clock),
            "PYTHONPATH": f"{CLOCK}:{ROOT}",
        }  # fmt: skip
        with log.open("a") as out:
            return subprocess.Popen(words, cwd=ROOT, env=env, stdout=out, stderr=out)

    def _set_clock(self, seconds: float) -> None:
        """Set the clock of drivers, those that run now and those that will."""
        self.clock.write_text(str(seconds))

    def is_done(self, output: str) -> bool:
        """Return True if the output says that its run is complete."""
        return self.direct.exists(f"{output}/_SUCCESS")

    def parts(self, output: str) -> dict[str, str]:
        """Committed parts with their ETags."""
        try:
            found = self.direct.ls(f"{output}/rewards", detail=True)
        except FileNotFoundError:
            return {}
        return {entry["name"].rpartition("/")[2]: entry["ETag"] for entry in found}

    def rows(self, output: str) -> list[dict]:
        rows = []
        for name in self.parts(output):
            with self.direct.open(f"{output}/rewards/{name}", "rb") as file:
                rows += pq.read_table(file).to_pylist()
        return sorted(rows, key=lambda row: (row["source_file"], row["row"]))

    def run_seed(self, seed: int, faults: list[str], engine: str, files: int, rows: int) -> Report:
        """Hurt one run with the faults, in order, until it is complete; then look at it closely."""
        began = time.monotonic()
        corpus = self.corpus(seed, files, rows)
        calm, hurt = (f"{BUCKET}/{self.prefix}{name}-{seed}" for name in ("calm", "hurt"))
        log = self.folder / f"{self.prefix}seed-{seed}.log"
        calm_log = self.folder / f"{self.prefix}calm-{seed}.log"
        status = self.start(calm_log, corpus, calm, engine).wait(LIMIT)
        assert status == 0, calm_log.read_text()
        report = Report(seed, engine)
        rng = random.Random(seed)
        left = list(faults)
        while True:
            report.invocations += 1
            before, moment, lagging = self.parts(hurt), time.time(), self.proxy.lagging
            start = partial(self.start, log, corpus, hurt, engine)
            job = self._hurt(start(), start, hurt, left, rng, report)
            status = job.wait(LIMIT)
            # a listing lags until the end of the next invocation, which begins with an old one
            self.proxy.be_well(lagging=self.proxy.lagging and not lagging)
            report.untrue_exits += (status == 0) != self.is_done(hurt)
            report.last_words.append((status, _last_line(log)))
            now = self.parts(hurt)
            changed = [name for name, tag in before.items() if now.get(name) != tag]
            report.differ(f"changed by invocation {report.invocations}", changed)
            report.judged_again += len(self.judged_since(moment, corpus) & before.keys())
            if status == 0:
                break
            assert report.invocations < 10 * len(faults), log.read_text()
        self._set_clock(0)
        self.proxy.be_well()
        compared = self.compare(seed, calm, hurt, engine)
        report.rows, report.lost, report.doubled = compared.rows, compared.lost, compared.doubled
        report.differing += compared.differing
        report.differing_names += compared.differing_names
        self._keep_differing(calm, hurt, compared.differing_names)
        report.largest_difference = compared.largest_difference
        report.injected_answers = sum(self.proxy.injected.values())
        self.proxy.injected.clear()
        report.seconds = time.monotonic() - began
        return report

    def _hurt(
        self, job, start, output: str, left: list[str], rng: random.Random, report: Report
    ) -> subprocess.Popen:
        """One fault after the other, as the run gets on, until the job ends.

        Returns the driver that is at work at the end: another one, where the first was frozen.
        """
        deadline = time.monotonic() + LIMIT
        while left and job.poll() is None and time.monotonic() < deadline:
            self._wait_for_work(job, output, rng)
            if job.poll() is not None:
                break
            if left[0] in ("driver frozen", "second driver"):
                job = self._add_driver(left[0], job, start, output, report)
                report.faults[left.pop(0)] += 1
            elif self.inject(left[0], job, rng):
                report.faults[left.pop(0)] += 1
                if job.poll() is None:
                    time.sleep(rng.uniform(0.2, 1.0))
        return job

    def _add_driver(self, fault: str, job, start, output: str, report: Report) -> subprocess.Popen:
        """Start the same command beside a driver; return the one that is right to be at work.

        A driver that was frozen until its lease was taken must end by itself once it goes on, and
        a second one beside a living one must not begin. The frozen one may say that the run is
        complete only if it is: it may have been frozen after its last part. On a fast machine the
        second one has completed the run by then. On a slow machine the first goes on before its
        lease is taken, or takes it back. Then the second one has to end.
        """
        if fault == "second driver":
            second = start()
            status = second.wait(LIMIT)
            report.untrue_exits += status != 2 and job.poll() is None
            return job
        job.send_signal(signal.SIGSTOP)
        second = start()
        with contextlib.suppress(subprocess.TimeoutExpired):
            second.wait(FROZEN_DRIVER)
        job.send_signal(signal.SIGCONT)
        while job.poll() is None:
            took_over = second.poll() == 0 and self.is_done(output)
            if second.poll() is not None and not took_over:
                report.untrue_exits += second.returncode == 0
                return job
            time.sleep(0.1)
        report.untrue_exits += job.returncode == 0 and not self.is_done(output)
        return second

    def _wait_for_work(self, job, output: str, rng: random.Random) -> None:
        """Until some more parts are there, or a while has passed; now and then not at all."""
        if rng.random() < 0.1:
            return
        while job.poll() is None and not self.nodes.processes(self.worker):
            time.sleep(0.1)
        there = len(self.parts(output))
        more = rng.randint(0, 3)
        deadline = time.monotonic() + rng.uniform(1, 8)
        while job.poll() is None and time.monotonic() < deadline:
            if len(self.parts(output)) >= there + more:
                return
            time.sleep(0.1)

    def inject(self, fault: str, job, rng: random.Random) -> bool:
        """Do it; False where there is nothing to do it to just now."""
        who, _, what = fault.partition(" ")
        if who == "driver":
            job.send_signal(signal.SIGKILL if what == "killed" else signal.SIGTERM)
            job.wait(60)
        elif fault == "node lost":
            self.nodes.lose_one(rng)
        elif fault == "head lost":
            self.nodes.lose_head()
            job.wait(LIMIT)
            self.nodes.begin_again()
        elif fault == "judge frozen":
            return self._freeze(rng)
        elif who == "clock":
            self._set_clock(CLOCKS[what])
        elif who == "disk":
            self.disk.hurt(what)
        elif fault == "store lagging":
            self.proxy.lagging = True
        elif fault == "store slow":
            self.proxy.slow, before = SLOW_REQUEST, self.proxy.slow
            time.sleep(SLOW)
            self.proxy.slow = before
        elif fault == "judge raises":
            (self.folder / fault_engine.RAISE_ONCE).touch()
        elif who in ("judge", "reader"):
            victims = self.nodes.processes(self.titles[who])
            if not victims:
                time.sleep(0.05)
                return False
            with contextlib.suppress(psutil.NoSuchProcess):
                rng.choice(victims).kill()
        elif fault in REFUSALS:
            self.proxy.refuse_all = what == "expired"
            self.proxy.refuse_writes = "" if self.proxy.refuse_all else what
            job.wait(LIMIT)
        else:
            self.proxy.fail(what, rng.randint(2, 5))  # each costs a pause twice as long
        return True

    def _freeze(self, rng: random.Random) -> bool:
        """Stop an engine's process for a while; False where there is none."""
        victims = self.nodes.processes(self.titles["judge"])
        if not victims:
            time.sleep(0.05)
            return False
        victim = rng.choice(victims)
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.suspend()
            time.sleep(FROZEN_ENGINE)
            victim.resume()
        return True

    def judged_since(self, moment: float, corpus: str) -> set[str]:
        """Parts of which a window was judged since then, by what the fault engines wrote down."""
        judged = set()
        for file in (self.folder / "judged").iterdir():
            for line in file.read_text().splitlines():
                at, _, window = line.partition(" ")
                if float(at) > moment:
                    judged.add(window)
        if not hasattr(self, "_windows") or self._windows[0] != corpus:
            self._windows = (corpus, self._all_windows(corpus))
        return {part for window, part in self._windows[1].items() if window in judged}

    def _all_windows(self, corpus: str) -> dict[str, str]:
        """The part of every window that only one shard has."""
        from rm_ray.corpus.shards import Shard

        tokenizer, judge = tiny_judge(context_tokens=256)
        owners: dict[str, set[str]] = {}
        for path in self.direct.ls(corpus.removeprefix("s3://")):
            with self.direct.open(path, "rb") as file:
                texts = pq.read_table(file, columns=["text"])
            for row, ids in enumerate(tokenizer.tokenize({"text": texts["text"]}).ids):
                start = row // 8 * 8
                part = Shard(f"s3://{path}", start, min(start + 8, len(texts))).part
                for prompt in judge.prompts(ids):
                    owners.setdefault(fault_engine.digest(prompt), set()).add(part)
        return {window: parts.pop() for window, parts in owners.items() if len(parts) == 1}

    def _keep_differing(self, calm: str, hurt: str, names: list[str]) -> None:
        """Copy files that differ from those of the undisturbed run, both of each, to the logs."""
        for name in names:
            path = name.removeprefix(f"{OTHER}: ")
            for output in (calm, hurt):
                kept = self.folder / "differing" / output.rpartition("/")[2] / path.strip("/")
                kept.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(FileNotFoundError):
                    self.direct.get_file(f"{output}/{path.strip('/')}", kept)

    def compare(self, seed: int, calm: str, hurt: str, engine: str) -> Report:
        """Rows lost, doubled and differing; with the hash engine, files that differ in a byte."""
        report = Report(seed, engine)
        expected, found = self.rows(calm), self.rows(hurt)
        report.rows = len(expected)
        keys = Counter((row["source_file"], row["row"]) for row in found)
        report.lost = sum((row["source_file"], row["row"]) not in keys for row in expected)
        report.doubled = sum(count - 1 for count in keys.values())
        if engine == fault_engine.NAME:
            calm_parts, hurt_parts = self.parts(calm), self.parts(hurt)
            names = calm_parts.keys() | hurt_parts.keys()
            others = [name for name in names if calm_parts.get(name) != hurt_parts.get(name)]
            report.differ(OTHER, [f"rewards/{name}" for name in others])
            return report
        for one, other in zip(expected, found, strict=False):
            difference = abs((one["reward"] or 0) - (other["reward"] or 0))
            report.largest_difference = max(report.largest_difference, difference)
            same = {k for k in one if one[k] == other[k]} >= {"id", "row", "status", "n_chunks"}
            report.differing += not same or difference > 1e-3
        return report


def fault_plan(seed: int, count: int, kinds: tuple[str, ...] = ALL_FAULTS) -> list[str]:
    """So many faults, every kind before any a second time, in an order that the seed decides."""
    rng = random.Random(seed)
    plan: list[str] = []
    while len(plan) < count:
        plan += rng.sample(kinds, len(kinds))
    return plan[:count]


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text().splitlines() if " ERROR " in line or " INFO " in line]
    return lines[-1] if lines else ""
