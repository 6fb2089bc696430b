"""Writes the files of an evaluation: its three files, and the calibration beside the judge."""

import json
from typing import Any

from rm_ray.config import OutputConfig, StorageConfig
from rm_ray.engines.identity import CALIBRATION
from rm_ray.errors import ConfigError, OutputError, short
from rm_ray.evaluate.calibrating import fitted, halves
from rm_ray.evaluate.config import EvaluateConfig
from rm_ray.evaluate.figures import Evaluation
from rm_ray.evaluate.making import Material
from rm_ray.evaluate.markdown import summary
from rm_ray.evaluate.page import page
from rm_ray.judges.calibration import ASKED_OF_DOCUMENTS
from rm_ray.report.show.folder import as_json, look_into, write_files
from rm_ray.score.calibrations import calibration_folder
from rm_ray.store.folder import Folder, absolute

JSON, HTML, SUMMARY = "evaluation.json", "evaluation.html", "evaluation.md"


def output_folder(output: OutputConfig) -> Folder:
    """Open the folder of an evaluation of a scoring run.

    Raises:
        OutputError: the folder holds something else, or cannot be used.
    """
    folder, names = look_into(output)
    if names and (JSON not in names or "_rm_ray" in names):
        held = "the run of another job" if "_rm_ray" in names else f"no evaluation (but {names[0]})"
        raise OutputError(
            f"output.path: {folder.uri} is not empty and holds {held}; give an empty or a new "
            "folder"
        )
    return folder


def write(made: Evaluation, folder: Folder) -> None:
    """Write the evaluation's three files.

    Raises:
        OutputError: the folder cannot be written.
    """
    files = {JSON: as_json(made), SUMMARY: summary(made).encode(), HTML: page(made)}
    write_files(files, folder)


def calibration_place(config: EvaluateConfig, model: str, judge: StorageConfig) -> Folder:
    """Return the folder for the calibration.

    Raises:
        ConfigError: the judge is a model of the hub, and `calibration.path` is not given.
    """
    asked = config.calibration
    if asked.path:
        return Folder(absolute(asked.path), asked.storage, side="calibration")
    folder = calibration_folder(model, judge)
    if folder is None:
        raise ConfigError(
            f"calibrate: {model} is not a folder, so calibration.json cannot be written to it; "
            "give a folder with --calibration.path, and score with --judge.calibration THAT_FOLDER"
        )
    return folder


def store_calibration(
    material: Material, config: EvaluateConfig, made: Evaluation, uri: str
) -> str:
    """Write calibration.json and return its path. The map is the one that the figures test.

    Raises:
        ConfigError: there is no folder for it.
        OutputError: a different calibration.json exists, or the file cannot be written.
    """
    judge = config.judge.storage if config.judge else config.rewards.storage
    folder = calibration_place(config, material.facts.model, judge)
    assert config.calibrate and made.calibration
    sample, by = material.sample, config.calibration.by
    split = halves(sample, config.figures.seed)
    known = material.fingerprint
    asked = {key: known[key] for key in ASKED_OF_DOCUMENTS if key in known}
    calibration = fitted(config.calibrate, sample, split.fitting, by, material.identity, asked)
    errors = {diagram.method: diagram.ece for diagram in made.calibration.diagrams}
    origin: dict[str, Any] = {
        "fitted on": {
            "evaluation": uri,
            "of": sample.of,
            "documents": made.calibration.fitted_documents,
            "texts": made.calibration.fitted_texts,
            "seed": config.figures.seed,
        },
        "error on held-out documents": {
            "documents": made.calibration.held_out_documents,
            **errors,
        },
    }
    data = (
        json.dumps(calibration.to_dict() | origin, indent=1, ensure_ascii=False) + "\n"
    ).encode()
    place = f"{folder.uri}/{CALIBRATION}"
    try:
        if folder.create(CALIBRATION, data) or folder.read(CALIBRATION) == data:
            return place
        if not config.calibration.replace:
            raise OutputError(
                f"calibrate: {place} exists already and is different; --calibration.replace "
                "overwrites it"
            )
        folder.overwrite(CALIBRATION, data)
    except OSError as error:
        raise OutputError(f"calibrate: cannot write {place}: {short(error)}") from None
    return place
