"""Begins a conversion, of JSON Lines or of a Lance dataset."""

from typing import Any

from rm_ray.addresses import lance_of
from rm_ray.convert.config import ConvertConfig
from rm_ray.convert.conversion import Conversion
from rm_ray.convert.job import ConvertJob
from rm_ray.convert.lance.job import LanceJob
from rm_ray.run.execute import execute, ray_faults
from rm_ray.run.survey import open_folder, survey


def convert(config: ConvertConfig) -> None:
    """Convert the input. The same call again goes on where the last one ended.

    Args:
        config: the configuration.

    Raises:
        Refused: the conversion cannot run; the message tells the remedy. Nothing is written.
        Incomplete: the run ended with something missing, or too many lines were rejected.
    """
    execute(_job(config))


def dry_run(config: ConvertConfig) -> str:
    """Tell, as text, what `convert` would read and write. Nothing is written."""
    job = _job(config)
    with ray_faults():
        return job.page(survey(job, open_folder(job), to_run=False).new)


def _job(config: ConvertConfig) -> Conversion[Any, Any, Any]:
    return LanceJob(config) if any(map(lance_of, config.input.paths)) else ConvertJob(config)
