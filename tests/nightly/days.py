"""Nights whose scoring, reports and filters a test chooses. The rest of the nightly job is real."""

import json
from pathlib import Path

import pytest

from rm_ray.config import OutputConfig
from rm_ray.errors import InputError
from rm_ray.nightly import finishing, job
from rm_ray.nightly.config import NIGHTS, NightlyConfig
from rm_ray.nightly.nights import KnownNight, Nights
from rm_ray.report.figures import Alert, NightVerdict
from rm_ray.report.show.folder import JSON, as_json, output_folder, write, write_files
from rm_ray.run.output.folder import REWARDS, RunFolder
from tests.report import sample


def alert(group: str | None, rule: str = "drift", **more) -> Alert:
    """An alert of a group; None is all documents."""
    said = {"group": group, "label": group and json.dumps([group]), "rule": rule, "level": "fail"}
    said |= {"standing": False, "folded_into": None, "effect": 1.0, "threshold": 0.3, "p": 0.0}
    return Alert(**{**said, "sentence": f"{group} moved", "strength": 1.0, **more})


class Days:
    """Stands for scoring, reports and filters, of which only the plan is written.

    `comes`: segments that there are to plan. `ends`: what ends scoring, once it has planned.
    `reports` and `filters`: what they raise, by night; `fails`: nights that alert, of all
    documents; `alerts`: the alerts of other nights. `draws`: reports have pages, which take time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.comes, self.ends = 0, None
        self.reports, self.filters, self.fails, self.alerts = {}, {}, set(), {}
        self.reported, self.asked, self.draws = [], {}, False

    def run(self, night: str, comes: int = 0, **more) -> None:
        self.comes = comes
        told = {"input": {"path": "corpus"}, "judge": {"model": "m"}, "filter": {}}
        told |= {"report": {"by": "source"}}
        told |= {"output": {"path": str(self.folder)}, "night": night}
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(job, "score", self.score)
            for name in ("report", "filter_corpus"):
                patched.setattr(finishing, name, getattr(self, name))
            job.nightly(NightlyConfig.model_validate({**told, **more}))

    def score(self, config) -> None:
        if isinstance(self.ends, InputError):
            raise self.ends
        for _ in range(self.comes):
            RunFolder(config.output, REWARDS).segments.add([], {})
        self.comes = 0
        if self.ends is not None:
            raise self.ends

    def report(self, config, complete, segments):
        night = config.night
        self.reported.append((night, config.rewards.segments))
        self.asked[night] = dict(config.baseline.accept)
        if night in self.reports:
            raise self.reports[night]
        alerts = self.alerts.get(night, [])
        if night in self.fails or not config.rewards.segments:
            alerts = [alert(None)]
        failing = any(each.level == "fail" and not each.standing for each in alerts)
        status = "fail" if failing else "warn" if alerts else "ok"
        made = sample.figures(groups=3, nights=2, excerpts=0)
        documents = made.whole.documents if config.rewards.segments else 0
        verdict = NightVerdict(status=status, sentence=f"it is {status}", alerts=alerts)
        came = {} if documents else {"documents": 0, "statuses": {}}
        groups = [
            each.model_copy(update={"name": name, "label": json.dumps([name]), **came})
            for each, name in zip(made.groups, ("a", "b", "c"), strict=True)
        ]
        statuses = made.whole.statuses if documents else {}
        whole = made.whole.model_copy(update={"documents": documents, "statuses": statuses})
        changes = {"night": night, "verdict": verdict, "groups": groups, "whole": whole}
        figures = complete(made.model_copy(update={**changes, "mix": None}))
        folder = output_folder(config.output)
        if self.draws:
            write(figures, folder)
        else:
            write_files({JSON: as_json(figures)}, folder)
        return figures

    def filter_corpus(self, config, mark: str = "_SUCCESS") -> None:
        """A folder as a filter writes it, with the groups that it was asked for."""
        folder = Path(config.output.path)
        night = folder.name.rpartition("=")[2]
        if night in self.filters:
            raise self.filters[night]
        kept = [group for group in "abc" if config.deliver.writes(json.dumps([group]))]
        (folder / "corpus" / "day=1").mkdir(parents=True, exist_ok=True)
        (folder / "_rm_ray" / "done").mkdir(parents=True, exist_ok=True)
        for group in kept:
            (folder / "corpus" / "day=1" / f"part-{group}.parquet").write_text(f"{night} {group}")
        (folder / "_rm_ray" / "run.json").write_text(night)
        (folder / "_rm_ray" / "done" / "part.json").write_text(night)
        (folder / "manifest.json").write_text(night)
        (folder / mark).write_text(json.dumps({"rows": 10 * len(kept), "files": len(kept)}))

    @property
    def output(self) -> OutputConfig:
        return OutputConfig(path=str(self.folder))

    @property
    def nights(self) -> dict[str, tuple[list[int] | None, str | None]]:
        found = Nights.at(self.output, NIGHTS).all()
        return {one.night: (one.segments, one.status) for one in found}

    def night(self, name: str) -> KnownNight:
        found = Nights.at(self.output, NIGHTS).read(name)
        assert found is not None
        return found

    def tree(self) -> dict[str, bytes]:
        """Every file of the job but those that tell when they were made."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in files
            if path.parts[len(self.folder.parts)] in ("kept", "held")
        }
