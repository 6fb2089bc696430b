"""Finds the calibration that lies beside a judge."""

from collections.abc import Mapping
from typing import Any

from rm_ray.config import StorageConfig
from rm_ray.engines.identity import CALIBRATION
from rm_ray.engines.stored import is_stored
from rm_ray.engines.weights import Model, local_folder
from rm_ray.errors import ConfigError, JudgeError, short
from rm_ray.judges.calibration import COLUMN, Calibration
from rm_ray.judges.keys import JudgeSection
from rm_ray.store.folder import Folder, absolute


def find_calibration(
    asked: JudgeSection, model: Model, made_by: Mapping[str, Any], keep: list[str]
) -> Calibration | None:
    """Find the calibration by which a run writes `p_chosen`; None if there is none.

    Args:
        asked: the judge's configuration.
        model: the judge's model.
        made_by: the fingerprints of the judge and of its tokenizer.
        keep: the columns that are copied.

    Raises:
        JudgeError: a named calibration does not exist, or a calibration cannot be read or belongs
            to another judge.
        ConfigError: the calibration needs a column that is not kept, or a kept column is named
            `p_chosen`.
    """
    named = asked.calibration not in ("auto", "none")
    folder = calibration_folder(asked.calibration if named else asked.model, asked.storage)
    if asked.calibration == "none" or folder is None:
        return None
    place = f"{folder.uri}/{CALIBRATION}"
    try:
        data = folder.read(CALIBRATION)
    except (OSError, ImportError, ValueError) as error:
        raise JudgeError(f"judge.calibration: cannot read {place}: {short(error)}") from None
    if data is None:
        if named:
            raise JudgeError(f"judge.calibration: there is no {place}; give its folder")
        return None
    calibration = Calibration.from_json(data, place)
    calibration.check(model.identity, made_by, place)
    none = "or give --judge.calibration none"
    if calibration.by is not None and calibration.by not in keep:
        raise ConfigError(
            f"judge.calibration: {place} has a map for each value of the column {calibration.by}, "
            f"and that column is not kept; give --input.keep "
            f"{','.join([*keep, calibration.by])}, {none}"
        )
    if COLUMN.casefold() in {name.casefold() for name in keep}:
        raise ConfigError(
            f"input.keep: the column {COLUMN!r} has the name of the column that calibration "
            f"writes; rename it, {none}"
        )
    return calibration


def calibration_folder(name: str, storage: StorageConfig) -> Folder | None:
    """Return the folder at a path or in a store; None for a name on the hub."""
    if is_stored(name):
        return Folder(absolute(name), storage, side="judge")
    folder = local_folder(name)
    return Folder(str(folder), side="judge") if folder else None
