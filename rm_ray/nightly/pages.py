"""Writes the page of a night again, after a decision about the night."""

import logging
from typing import Any

from rm_ray.config import OutputConfig
from rm_ray.nightly.config import REPORTS
from rm_ray.report.figures import Figures
from rm_ray.report.show.folder import JSON, write
from rm_ray.store.folder import Folder, absolute

log = logging.getLogger(__name__)


def read_report(output: OutputConfig, night: str) -> Figures | None:
    """Read the figures of a night's report; None if there are none that can be read.

    Args:
        output: the folder of all nights.
        night: name of the night.
    """
    data = _folder(output, night).read(JSON)
    try:
        return None if data is None else Figures.model_validate_json(data)
    except ValueError as error:
        log.warning("the report of the night %s cannot be read: %s", night, str(error)[:300])
        return None


def rewrite(output: OutputConfig, night: str, **changes: Any) -> None:
    """Write the report of a night again, with other facts; nothing if there is no report.

    Args:
        output: the folder of all nights.
        night: name of the night.
        changes: fields of Figures.
    """
    figures = read_report(output, night)
    if figures is not None:
        write(figures.model_copy(update=changes), _folder(output, night))


def _folder(output: OutputConfig, night: str) -> Folder:
    return Folder(absolute(output.path), output.storage) / REPORTS / night
