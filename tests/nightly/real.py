"""Nights whose documents have rewards that a test chooses. Their reports and filters are real."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rm_ray.errors import Alerted
from rm_ray.nightly import job
from rm_ray.nightly.config import NightlyConfig
from tests.report.runs import add_night, documents


class Real:
    """A nightly job in FOLDER/nights. `again`: so many documents have texts of all nights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "nights"
        self.again = 0
        self.more = {}
        self.rows = pa.table({})

    def score(self, config) -> None:
        add_night(self.folder, self.night, self.rows)

    def run(self, night: str, **moved: float) -> str:
        """The line of a night that alerts, or "quiet". `moved`: by source, how far in sd."""
        rng = np.random.default_rng(int(night))
        groups = {"a": 0.0, "b": 0.0, "c": 0.0} | moved
        rows = documents({name: rng.normal(by, 1, 600) for name, by in groups.items()})
        texts = [f"text {i} of {'ever' if i < self.again else night}" for i in range(len(rows))]
        self.rows = rows.set_column(rows.schema.get_field_index("text"), "text", pa.array(texts))
        self.night = night
        words = {
            "input": {"path": str(self.folder / "corpus"), "text": "text"},
            "output": {"path": str(self.folder)},
            "judge": {"model": "m"},
            "report": {"by": "source", "corpus": {"excerpts": False}},
            "night": night,
        }
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(job, "score", self.score)
            try:
                job.nightly(NightlyConfig.model_validate({**words, **self.more}))
            except Alerted as error:
                return str(error)
        return "quiet"

    def alerts(self, night: str) -> list[tuple[str, str, str | None]]:
        path = self.folder / "reports" / night / "report.json"
        found = json.loads(path.read_text())["verdict"]["alerts"]
        return [(one["group"] or "all documents", one["rule"], one["folded_into"]) for one in found]
