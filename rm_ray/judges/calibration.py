"""Calibration: turns a reward into the probability that the chunk or document judged is good.

jobs/evaluate.py fits a calibration on labelled texts, and stores it as `calibration.json` beside
the judge. Scoring with that judge then writes the probability as the column `p_chosen`.

Pure: nothing here reads or writes files.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rm_ray.errors import JudgeError

FORMAT, COLUMN = "rm_ray.calibration/1", "p_chosen"
# The map of documents whose source has no map of its own.
ELSE = "*"

Floats = npt.NDArray[np.float64]
Method = Literal["isotonic", "platt"]
# The unit whose rewards the map was fitted on.
CalibratedUnit = Literal["chunk", "document"]
# Keys of a judge's fingerprint whose values must be the same as when the calibration was fitted. A
# family without a key has None both times.
ASKED = (
    *("family", "label_ids", "judge.before_chunk", "judge.after_chunk", "judge.chunk_tokens"),
    *("judge.reduction", "judge.weights", "judge.logits", "judge.alpha", "judge.attributes"),
    *("judge.max_tokens", "judge.truncate", "judge.long", "judge.token_types"),
    *("chat template", "judge.chat.user"),
)
# The same for maps of documents' rewards: means over other chunks scatter otherwise.
ASKED_OF_DOCUMENTS = (*ASKED, "judge.chunks", "judge.adaptive")


@dataclass(frozen=True)
class CalibrationCurve:
    """A CalibrationCurve maps rewards to probabilities, and never falls.

    With points (isotonic), it is straight lines between them, and level beyond the first and the
    last. Without points (Platt), it is the logistic function of slope * reward + intercept.
    """

    x: tuple[float, ...] = ()
    """Rewards of the points, ascending, [points]."""
    p: tuple[float, ...] = ()
    """Probabilities of the points, [points]."""
    slope: float = 1.0
    """Slope of the logistic function; unused with points."""
    intercept: float = 0.0
    """Intercept of the logistic function; unused with points."""

    def of(self, rewards: Floats) -> Floats:
        """Return the probability of each reward."""
        if self.x:
            return np.interp(rewards, self.x, self.p)
        z = self.slope * rewards + self.intercept
        p: Floats = np.exp(-np.logaddexp(0.0, -z))
        return p

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as it is stored in JSON."""
        if self.x:
            return {"x": list(self.x), "p": list(self.p)}
        return {"slope": self.slope, "intercept": self.intercept}


# The map of the preference judge without calibration. Its rewards are differences of log
# probabilities, so the logistic function turns them into probabilities.
RAW = CalibrationCurve()


@dataclass(frozen=True)
class Calibration:
    """A Calibration holds the maps from one judge's rewards to probabilities."""

    method: Method
    """How the maps were fitted."""
    unit: CalibratedUnit
    """`chunk`: the maps were fitted on rewards of single chunks, and say nothing about means of
    rewards. So a document's `p_chosen` is the mean of the probabilities of its judged chunks.
    `document`: they were fitted on rewards of documents, and map a document's reward directly."""
    by: str | None
    """The column whose values each have a map; None if there is one map for all documents."""
    maps: Mapping[str, CalibrationCurve]
    """The maps by value of that column; `*` is the map of all other documents."""
    model: str
    """The identity of the model that the maps were fitted for."""
    asked: Mapping[str, Any]
    """How the model was asked: values by the keys of `ASKED_OF_DOCUMENTS`."""

    @property
    def digest(self) -> str:
        """Return a short hash of everything that `p_chosen` depends on."""
        hashed = json.dumps([self.unit, self.by, self._maps()], sort_keys=True)
        return f"sha256:{hashlib.sha256(hashed.encode()).hexdigest()[:16]}"

    def p_chosen(self, rows: pa.Table) -> pa.Array:
        """Return the probability of each row of a scoring run; null for a row without a reward.

        Args:
            rows: with the columns `reward`, `chunk_rewards` for the unit `chunk`, and `by`.
        """
        judged = rows.column("reward").is_valid().to_numpy()
        lists = self._rewards(rows)
        lengths = np.array([len(rewards) for rewards in lists], np.int64)
        names = self._names(rows)
        flat = np.concatenate(lists) if lists else np.empty(0)
        p = self.of(flat, np.repeat(names, lengths))
        ends = np.concatenate([[0.0], np.cumsum(p)])
        stops = np.cumsum(lengths)
        with np.errstate(invalid="ignore"):
            means = (ends[stops] - ends[stops - lengths]) / lengths
        return pa.array(means.astype(np.float32), pa.float32(), mask=~judged)

    def of(self, rewards: Floats, names: npt.NDArray[np.object_] | None = None) -> Floats:
        """Return the probability of each reward.

        Args:
            rewards: rewards of the calibration's unit, [rewards].
            names: the value of the column `by` for each reward, [rewards].
        """
        if self.by is None or names is None:
            return self.maps[ELSE].of(rewards)
        probabilities = np.empty(len(rewards))
        for name in set(names.tolist()):
            has_name = names == name
            curve = self.maps.get(name, self.maps[ELSE])
            probabilities[has_name] = curve.of(rewards[has_name])
        return probabilities

    def check(self, model: str, asked: Mapping[str, Any], place: str) -> None:
        """Refuse to calibrate the rewards of another judge.

        Raises:
            JudgeError: the maps were fitted for another model, or for another way to ask it.
        """
        remedy = "fit it anew with jobs/evaluate.py, or give --judge.calibration none"
        if model != self.model:
            raise JudgeError(
                f"judge.calibration: {place} was fitted for another model ({self.model}, and this "
                f"one is {model}); {remedy}"
            )
        for key in ASKED if self.unit == "chunk" else ASKED_OF_DOCUMENTS:
            if self.asked.get(key) != asked.get(key):
                raise JudgeError(
                    f"judge.calibration: {place} was fitted with {key} {self.asked.get(key)!r}, "
                    f"and here it is {asked.get(key)!r}; {remedy}"
                )

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration as it is stored in JSON."""
        return {
            "format": FORMAT,
            "method": self.method,
            "unit": self.unit,
            "by": self.by,
            "maps": self._maps(),
            "model": self.model,
            "asked": dict(self.asked),
        }

    @classmethod
    def from_json(cls, data: bytes, place: str) -> "Calibration":
        """Read a stored calibration; keys that `to_dict` does not write are ignored.

        Args:
            data: the file's content.
            place: the file's place, for error texts.

        Raises:
            JudgeError: the file is damaged, or of another format.
        """
        try:
            stored = json.loads(data)
            if stored["format"] != FORMAT:
                raise ValueError(f"its format is {stored['format']}, and this reads {FORMAT}")
            maps = {name: _curve(curve) for name, curve in stored["maps"].items()}
            if ELSE not in maps:
                raise ValueError(f"it has no map {ELSE!r}")
            return cls(
                method=stored["method"],
                unit=stored["unit"],
                by=stored["by"],
                maps=maps,
                model=stored["model"],
                asked=stored["asked"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise JudgeError(
                f"judge.calibration: {place} cannot be read ({error}); write it anew with "
                "jobs/evaluate.py, or give --judge.calibration none"
            ) from None

    def _maps(self) -> dict[str, dict[str, Any]]:
        """Return the maps as they are stored in JSON."""
        return {name: curve.to_dict() for name, curve in self.maps.items()}

    def _rewards(self, rows: pa.Table) -> list[Floats]:
        """Return each row's rewards of the calibration's unit: its own reward, or its chunks'."""
        if self.unit == "document":
            column = rows.column("reward").to_pylist()
            return [np.array([] if reward is None else [reward], np.float64) for reward in column]
        lists = rows.column("chunk_rewards").to_pylist()
        return [np.asarray(rewards or (), np.float64) for rewards in lists]

    def _names(self, rows: pa.Table) -> npt.NDArray[np.object_]:
        """Return each row's value of the column `by`, as text; `*` if there is none."""
        if self.by is None:
            return np.full(len(rows), ELSE, object)
        names = rows.column(self.by).to_pylist()
        return np.array([ELSE if name is None else str(name) for name in names], object)


def _curve(stored: Mapping[str, Any]) -> CalibrationCurve:
    """Read a stored curve."""
    if "x" not in stored:
        return CalibrationCurve(slope=float(stored["slope"]), intercept=float(stored["intercept"]))
    x, p = (tuple(float(value) for value in stored[name]) for name in ("x", "p"))
    if len(x) != len(p) or not x or any(a > b for a, b in pairwise(x)):
        raise ValueError("the points of a map are not in order")
    return CalibrationCurve(x=x, p=p)


def fit(method: Method, rewards: Floats, good: npt.NDArray[np.bool_]) -> CalibrationCurve:
    """Fit a curve to labelled rewards.

    Isotonic: the values that never fall and are nearest to the labels (pool adjacent violators).
    They are limited to 1 / (n + 1) and n / (n + 1), since no sample shows that there are no
    exceptions. Platt: the likeliest logistic function, with Platt's targets, which keep the slope
    finite (Platt 1999).

    Args:
        method: how to fit.
        rewards: [n].
        good: the label of each reward, [n]; both labels must occur.
    """
    return _isotonic(rewards, good) if method == "isotonic" else _platt(rewards, good)


def _isotonic(rewards: Floats, good: npt.NDArray[np.bool_]) -> CalibrationCurve:
    """Fit points: the arguments are those of `fit`."""
    from scipy.optimize import isotonic_regression

    x, places, counts = np.unique(rewards, return_inverse=True, return_counts=True)
    share = np.bincount(places, weights=good) / counts
    fitted = np.asarray(isotonic_regression(share, weights=counts).x)
    n = len(rewards)
    fitted = fitted.clip(1 / (n + 1), n / (n + 1))
    # of each level stretch, both ends are enough
    kept = np.ones(len(x), bool)
    kept[1:-1] = (np.diff(fitted)[:-1] != 0) | (np.diff(fitted)[1:] != 0)
    return CalibrationCurve(x=tuple(x[kept].tolist()), p=tuple(fitted[kept].tolist()))


def _platt(rewards: Floats, good: npt.NDArray[np.bool_]) -> CalibrationCurve:
    """Fit a logistic function: the arguments are those of `fit`."""
    from scipy.optimize import minimize

    above, below = int(good.sum()), int((~good).sum())
    targets = np.where(good, (above + 1) / (above + 2), 1 / (below + 2))
    middle, spread = float(rewards.mean()), float(rewards.std()) or 1.0
    x = (rewards - middle) / spread

    def loss(at: Floats) -> tuple[float, Floats]:
        z = at[0] * x + at[1]
        p = np.exp(-np.logaddexp(0.0, -z))
        value = np.mean(np.logaddexp(0.0, z) - targets * z)
        return float(value), np.array([np.mean((p - targets) * x), np.mean(p - targets)])

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS").x
    slope = max(0.0, slope) / spread  # a curve never falls, even if the judge is always wrong
    return CalibrationCurve(slope=float(slope), intercept=float(intercept - slope * middle))
