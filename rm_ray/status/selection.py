"""Finds the stage at which a selection stands, from its folder alone."""

from dataclasses import dataclass

from rm_ray.config import OutputConfig
from rm_ray.run.output.folder import STATE
from rm_ray.run.output.lease import living_owner
from rm_ray.run.standing.status import Standing, read_standing
from rm_ray.select.config import BEGAN, CHEAP, KEPT, MAIN, SAMPLE, STAGES, WIDER
from rm_ray.store.folder import Folder, absolute


@dataclass(frozen=True)
class SelectionFolder:
    """A SelectionFolder is the output folder of jobs/select.py."""

    output: OutputConfig
    """The folder."""
    complete: bool
    """The selection has its `_SUCCESS`."""
    stages: list[str]
    """Stages that have begun, in order."""

    @classmethod
    def find(cls, output: OutputConfig) -> "SelectionFolder | None":
        """Return the selection in a folder; None if there is none.

        Raises:
            OSError: the folder cannot be read.
        """
        folder = Folder(absolute(output.path), output.storage)
        if folder.size(BEGAN) is None:
            return None
        begun = {name for name in (folder / STAGES).entries() if not name.endswith(".rows")}
        wider = (name for name in begun if name.startswith(WIDER))
        order = [CHEAP, SAMPLE, MAIN, *sorted(wider, key=lambda name: (len(name), name))]
        stages = [name for name in order if name in begun]
        return cls(output, folder.size("_SUCCESS") is not None, stages)

    @property
    def uri(self) -> str:
        """Return the address of the folder."""
        return absolute(self.output.path)

    def owner(self) -> str | None:
        """Return the driver at work, in words; None if there is none."""
        return living_owner(Folder(self.uri, self.output.storage) / STATE)

    def stage(self, name: str) -> OutputConfig:
        """Return the folder of a stage, which is a scoring run."""
        return OutputConfig(path=f"{self.uri}/{STAGES}/{name}", storage=self.output.storage)

    def standings(self) -> dict[str, Standing]:
        """Return the progress that the drivers of the stages stored last, by stage.

        Raises:
            OSError: the folder cannot be read.
        """
        stages = Folder(self.uri, self.output.storage) / STAGES
        found = {name: read_standing(stages / name / STATE) for name in self.stages}
        return {name: standing for name, standing in found.items() if standing}

    def words(self) -> str:
        """Say at which stage the selection stands."""
        if self.complete:
            return f"all are done; {self.uri}/select.html says what came of it"
        if not self.stages:
            return "none has begun: the documents are counted"
        *done, last = self.stages
        after = f", after {' and '.join(done)}" if done else ""
        return f"{last}{after}; the kept documents come last, in {KEPT}/"
