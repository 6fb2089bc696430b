"""Parts of a report beside its figures: files, repeated documents, people's decisions."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ReportPart(BaseModel):
    """A part of a report. Never changed once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RepeatFigures(ReportPart):
    """Documents that came before."""

    earlier: int = Field(description="Documents that an earlier night had too.")
    within: int = Field(description="Further documents that came twice in the night itself.")
    margin: float = Field(description="Half of the 95% interval of both together; 0: exact.")


class FilesFacts(ReportPart):
    """The files that came in the night."""

    files: int = Field(description="Files that came and can be read.")
    empty: int = Field(description="Files among them without a row.")
    unreadable: int = Field(description="Further files that cannot be read.")
    named: list[str] = Field(description="Paths of the first files that came, at most 20.")
    empty_named: list[str] = Field(description="Paths of the first files without a row.")
    unreadable_named: list[str] = Field(description="Paths of the first unreadable files.")

    def told(self) -> str:
        """Return the files in words: how many came, and which of them are empty or unreadable."""
        if not self.files and not self.unreadable:
            return "no file came"
        came = f"{self.files:,} file{'s' if self.files != 1 else ''} came"
        parts = [came]
        for many, named, word in (
            (self.empty, self.empty_named, "without a row"),
            (self.unreadable, self.unreadable_named, "that cannot be read"),
        ):
            if many:
                more = f" and {many - 3:,} more" if many > 3 else ""
                parts.append(f"{many:,} {word}: {', '.join(named[:3])}{more}")
        return "; ".join(parts)


class RepeatsFacts(ReportPart):
    """How documents that come again were found."""

    by: Literal["id", "text"] = Field(
        description="What they have in common: the id and the number of tokens, or the text."
    )
    nights: int = Field(description="Earlier nights whose documents are known.")
    sampled: float = Field(description="Least share of a night's documents that is known; 1: all.")


class Accepted(ReportPart):
    """A person's statement that a group is as it should be, from a night on."""

    group: str = Field(description="The group's name.")
    also: list[str] = Field(description="Further groups that the change of this group explains.")
    night: str = Field(description="The first night on which the group is right again.")
    by: str = Field(description="Who accepted it.")
    at: str = Field(description="When it was accepted, UTC.")
    because: str = Field(description="Why it was accepted.")


class DeliveryFigures(ReportPart):
    """The delivery of the documents that the night's filter keeps."""

    state: Literal["delivered", "held", "released"] = Field(
        description="held: the documents are not delivered until somebody releases them."
    )
    groups: list[str] = Field(description="Groups that are or were held; empty: all or none.")
    folder: str | None = Field(description="Folder of what is held; null if nothing was.")
    command: str | None = Field(description="Command that releases it; null if nothing is held.")
    by: str | None = Field(description="Who released it; null if nobody has.")
    at: str | None = Field(description="When it was released, UTC; null if it was not.")
    because: str | None = Field(description="Why it was released; null if it was not.")
