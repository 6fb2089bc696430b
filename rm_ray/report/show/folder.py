"""The folder of a report. Three files are written there, over the files of an earlier report."""

import json
from collections.abc import Mapping

from pydantic import BaseModel

from rm_ray.config import OutputConfig
from rm_ray.errors import OutputError
from rm_ray.report.figures import Figures
from rm_ray.report.show.markdown import summary
from rm_ray.report.show.page import page
from rm_ray.store.folder import Folder, absolute

JSON, HTML, SUMMARY = "report.json", "report.html", "summary.md"


def output_folder(output: OutputConfig) -> Folder:
    """Open the folder of a report.

    Raises:
        OutputError: the folder holds something else, or cannot be used.
    """
    folder, names = look_into(output)
    if names and JSON not in names:
        raise OutputError(
            f"output.path: {folder.uri} is not empty and holds no report (but {names[0]}); give an "
            "empty or a new folder"
        )
    return folder


def look_into(output: OutputConfig) -> tuple[Folder, list[str]]:
    """Open the folder of a page, and list the names in it.

    Names that begin with a dot are left out: they are files of interrupted writes.

    Raises:
        OutputError: the folder cannot be used.
    """
    folder = Folder(absolute(output.path), output.storage)
    try:
        return folder, [name for name in folder.entries() if not name.startswith(".")]
    except (OSError, ImportError, ValueError) as error:
        raise OutputError(f"output.path: cannot use {output.path}: {error}") from None


def write(figures: Figures, folder: Folder) -> None:
    """Write the report's three files.

    Raises:
        OutputError: the folder cannot be written.
    """
    made = {SUMMARY: summary(figures).encode(), HTML: page(figures)}
    write_files({JSON: as_json(figures), **made}, folder)


def as_json(figures: BaseModel) -> bytes:
    """Encode all figures of a page as JSON."""
    data = figures.model_dump(mode="json", by_alias=True)
    return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_files(files: Mapping[str, bytes], folder: Folder) -> None:
    """Write files in the given order. The page comes last: if it is there, all files are there.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        for name, content in files.items():
            folder.overwrite(name, content)
    except OSError as error:
        raise OutputError(f"output.path: cannot write {folder.uri}: {error}") from None
