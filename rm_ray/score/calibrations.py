"""Finds the calibration that lies beside a judge."""

from rm_ray.config import StorageConfig
from rm_ray.engines.identity import CALIBRATION
from rm_ray.engines.stored import is_stored
from rm_ray.engines.weights import Model, local_folder
from rm_ray.errors import ConfigError, JudgeError, short
from rm_ray.judges.calibration import COLUMN, Calibration
from rm_ray.judges.judge import Judge
from rm_ray.judges.keys import JudgeSection
from rm_ray.store.folder import Folder, absolute


def find_calibration(
    asked: JudgeSection, model: Model, judge: Judge, keep: list[str]
) -> Calibration | None:
    """The calibration by which a run writes `p_chosen`; None where there is none.

    Args:
        keep: the columns that are copied.

    Raises:
        JudgeError: it is not there though it is named, cannot be read, or is another judge's.
        ConfigError: it needs a column that is not kept, or a kept column has its name.
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
    found = Calibration.from_json(data, place)
    found.check(model.identity, judge.fingerprint(), place)
    none = "or give --judge.calibration none"
    if found.by is not None and found.by not in keep:
        raise ConfigError(
            f"judge.calibration: {place} was fitted by {found.by}, and that column is not kept; "
            f"give --input.keep {','.join([*keep, found.by])}, {none}"
        )
    if COLUMN in keep:
        raise ConfigError(
            f"input.keep: the column {COLUMN!r} would collide with the calibrated one; rename it, "
            f"{none}"
        )
    return found


def calibration_folder(name: str, storage: StorageConfig) -> Folder | None:
    """The folder that a judge's name, or an address, stands for; None of a name on the hub."""
    if is_stored(name):
        return Folder(absolute(name), storage, side="judge")
    folder = local_folder(name)
    return Folder(str(folder), side="judge") if folder else None
