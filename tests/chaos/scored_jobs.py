"""The filter and the report in place of the scoring job: their files are the same to the byte."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from tests import fault_engine
from tests.chaos.harness import ALL_FAULTS, BUCKET, CLIENT_TIMEOUT, LIMIT, OTHER, Chaos
from tests.chaos.reports import Report
from tests.filter.runs import options

# The faults that need no engine.
FAULTS = tuple(fault for fault in ALL_FAULTS if not fault.startswith("judge"))


# A time as a report says when it was made.
TIME = re.compile(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")


# A report has no lease: it writes the same files, whoever writes them last.
REPORT_FAULTS = tuple(
    fault for fault in FAULTS if fault not in ("driver frozen", "second driver", "store lagging")
)


class StoredJobChaos(Chaos):
    """A job whose output is files that are to be the same to the byte. It is on the cluster, store
    and proxy of another one.
    """

    # of its output, what is compared
    folders: ClassVar[tuple[str, ...]] = ()

    def __init__(self, chaos: Chaos) -> None:
        self.__dict__.update(vars(chaos))

    def timeouts(self, *sections: str) -> list[str]:
        """Options that keep the wait for a silent store short."""
        timeout = str(CLIENT_TIMEOUT)
        return [word for name in sections for word in (f"--{name}.storage.timeout_s", timeout)]

    def parts(self, output: str) -> dict[str, str]:
        """Files with their ETags."""
        found: dict[str, str] = {}
        for folder in self.folders:
            entries = self.direct.find(f"{output}/{folder}", detail=True).values()
            files = (entry for entry in entries if entry["type"] == "file")
            found |= {entry["name"].removeprefix(output): entry["ETag"] for entry in files}
        return found

    def judged_since(self, moment: float, corpus: str) -> set[str]:
        return set()

    def compare(self, seed: int, calm: str, hurt: str, engine: str) -> Report:
        report, (expected, found) = Report(seed, engine), map(self.parts, (calm, hurt))
        report.rows = len(expected)
        report.lost = len(expected.keys() - found.keys())
        report.doubled = len(found.keys() - expected.keys())
        names = [name for name, tag in expected.items() if found.get(name, tag) != tag]
        report.differ(OTHER, names)
        return report


class ScoredJobChaos(StoredJobChaos):
    """A job over a corpus that was scored."""

    titles: ClassVar = {"reader": "UnitTasks"}
    worker = "UnitTasks"
    slow = 0.03  # or a bundle of eight documents would be done before it is hurt

    def __init__(self, chaos: Chaos) -> None:
        super().__init__(chaos)
        self._scorer = chaos
        self.scored: dict[str, str] = {}

    def corpus(self, seed: int, files: int, rows: int) -> str:
        """A corpus that has been scored; that of an earlier run of the seed, if there is one."""
        corpus, scored = f"s3://{BUCKET}/in-{seed}", f"{BUCKET}/calm-{seed}"
        if not self.direct.exists(f"{scored}/_SUCCESS"):
            super().corpus(seed, files, rows)
            log = self.folder / f"calm-{seed}.log"
            job = self._scorer.start(log, corpus, scored, fault_engine.NAME)
            assert job.wait(LIMIT) == 0, log.read_text()
        self.scored[corpus] = f"s3://{scored}"
        return corpus


class FilterChaos(ScoredJobChaos):
    """The filter."""

    prefix = "filter-"
    folders: ClassVar = ("corpus", "manifest.json", "_rm_ray/done")

    def start(
        self, log: Path, corpus: str, output: str, engine: str, **changes: object
    ) -> subprocess.Popen:
        words = options(**{
            "rewards_path": self.scored[corpus], "output_path": f"s3://{output}",
            "rule_keep_fraction": 0.5, "output_add": "reward", "output_file_mb": 0.001,
            "output_row_group_rows": 3, **changes,
        })  # fmt: skip
        words += self.timeouts("corpus", "rewards", "output")
        return self._start([sys.executable, "jobs/filter.py", *words], log)


class ReportChaos(ScoredJobChaos):
    """The report of a night."""

    # its tasks have the names of what they do, and are short: any process of the cluster will do
    titles: ClassVar = {"reader": ""}
    worker = ""
    prefix = "report-"
    folders: ClassVar = ("report.html", "report.json", "summary.md", "history")

    def parts(self, output: str) -> dict[str, str]:
        """Files with a hash of what is in them, but for times and the name of their folder."""
        hashes = {}
        for name in super().parts(output):
            data = self.direct.cat_file(f"{output}{name}").replace(output.encode(), b"output")
            hashes[name] = hashlib.sha256(TIME.sub(b"then", data)).hexdigest()
        return hashes

    def is_done(self, output: str) -> bool:
        return self.direct.exists(f"{output}/report.html")

    def start(
        self, log: Path, corpus: str, output: str, engine: str, **changes: object
    ) -> subprocess.Popen:
        words = options(**{
            "rewards_path": self.scored[corpus], "output_path": f"s3://{output}",
            "history_path": f"s3://{output}/history", "night": "n1", **changes,
        })  # fmt: skip
        words += self.timeouts("rewards", "output", "history")
        return self._start([sys.executable, "jobs/report.py", *words], log)
