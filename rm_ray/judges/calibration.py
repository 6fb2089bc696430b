"""Calibration: from a reward to the probability that what was judged is good.

A calibration is fitted by jobs/evaluate.py on labelled texts, and stored as `calibration.json`
beside the judge. Scoring with that judge writes the probability as a column `p_chosen`.

Pure; knows nothing of files.
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
# What a reward was of when the map was fitted.
Unit = Literal["chunk", "document"]
# What a calibration was fitted with, and a judge has to have: as its fingerprint calls it.
ASKED = ("family", "label_ids", "judge.before_chunk", "judge.after_chunk", "judge.chunk_tokens")


@dataclass(frozen=True)
class Curve:
    """One map from rewards to probabilities, which never falls.

    Isotonic: straight lines between the points (`x`, `p`), level beyond them. Platt: the logistic
    function of slope * reward + intercept, where there are no points.
    """

    x: tuple[float, ...] = ()
    p: tuple[float, ...] = ()
    slope: float = 1.0
    intercept: float = 0.0

    def of(self, rewards: Floats) -> Floats:
        """The probability of each reward."""
        if self.x:
            return np.interp(rewards, self.x, self.p)
        z = self.slope * rewards + self.intercept
        p: Floats = np.exp(-np.logaddexp(0.0, -z))
        return p

    def to_dict(self) -> dict[str, Any]:
        """The curve as it is stored."""
        if self.x:
            return {"x": list(self.x), "p": list(self.p)}
        return {"slope": self.slope, "intercept": self.intercept}


# What the rewards of the preference judge say by themselves: they are differences of log
# probabilities, so the logistic function makes a probability of them.
RAW = Curve()


@dataclass(frozen=True)
class Calibration:
    """Maps of a judge's rewards. `by`: the column whose values have a map each; None for one map.

    `unit`: `chunk` where the map was fitted on rewards of single chunks. A document's `p_chosen`
    is then the mean of the probabilities of its judged chunks, since the map says nothing of means
    of rewards. `document` where it was fitted on documents' rewards: then it is the map's value.
    `model`: the identity of the model that it was fitted for; `asked`: how this was asked.
    """

    method: Method
    unit: Unit
    by: str | None
    maps: Mapping[str, Curve]
    model: str
    asked: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """A short name of all that `p_chosen` depends on."""
        said = json.dumps([self.unit, self.by, self._maps()], sort_keys=True)
        return f"sha256:{hashlib.sha256(said.encode()).hexdigest()[:16]}"

    def p_chosen(self, rows: pa.Table) -> pa.Array:
        """The probability of each row of a scoring run; null where it has no reward.

        Args:
            rows: with `reward`, `chunk_rewards` for the unit `chunk`, and the column `by`.
        """
        judged = rows.column("reward").is_valid().to_numpy()
        lists = self._rewards(rows)
        lengths = np.array([len(one) for one in lists], np.int64)
        names = self._names(rows)
        flat = np.concatenate(lists) if lists else np.empty(0)
        p = self.of(flat, np.repeat(names, lengths))
        ends = np.concatenate([[0.0], np.cumsum(p)])
        stops = np.cumsum(lengths)
        with np.errstate(invalid="ignore"):
            means = (ends[stops] - ends[stops - lengths]) / lengths
        return pa.array(means.astype(np.float32), pa.float32(), mask=~judged)

    def of(self, rewards: Floats, names: npt.NDArray[np.object_] | None = None) -> Floats:
        """The probability of each reward of the unit. `names`: the value of `by` of each."""
        if self.by is None or names is None:
            return self.maps[ELSE].of(rewards)
        found = np.empty(len(rewards))
        for name in set(names.tolist()):
            mine = names == name
            found[mine] = self.maps.get(name, self.maps[ELSE]).of(rewards[mine])
        return found

    def check(self, model: str, asked: Mapping[str, Any], place: str) -> None:
        """Refuse to calibrate the rewards of another judge.

        Raises:
            JudgeError: the model, or how it is asked, is not what the maps were fitted for.
        """
        on = "fit it anew with jobs/evaluate.py, or give --judge.calibration none"
        if model != self.model:
            raise JudgeError(
                f"judge.calibration: {place} was fitted for another model ({self.model}, and this "
                f"one is {model}); {on}"
            )
        for key in ASKED:
            if self.asked.get(key) != asked.get(key):
                raise JudgeError(
                    f"judge.calibration: {place} was fitted with {key} {self.asked.get(key)!r}, "
                    f"and here it is {asked.get(key)!r}; {on}"
                )

    def to_dict(self) -> dict[str, Any]:
        """The calibration as it is stored."""
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
        """What `to_dict` gave, with more beside it perhaps.

        Raises:
            JudgeError: it is damaged, or of another format.
        """
        try:
            stored = json.loads(data)
            if stored["format"] != FORMAT:
                raise ValueError(f"its format is {stored['format']}, and this reads {FORMAT}")
            maps = {name: _curve(one) for name, one in stored["maps"].items()}
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
        return {name: one.to_dict() for name, one in self.maps.items()}

    def _rewards(self, rows: pa.Table) -> list[Floats]:
        """Of each row, the rewards that the map is for."""
        if self.unit == "document":
            rewards = rows.column("reward").to_pylist()
            return [np.array([] if one is None else [one], np.float64) for one in rewards]
        lists = rows.column("chunk_rewards").to_pylist()
        return [np.asarray(one or (), np.float64) for one in lists]

    def _names(self, rows: pa.Table) -> npt.NDArray[np.object_]:
        if self.by is None:
            return np.full(len(rows), ELSE, object)
        names = rows.column(self.by).to_pylist()
        return np.array([ELSE if name is None else str(name) for name in names], object)


def _curve(stored: Mapping[str, Any]) -> Curve:
    if "x" not in stored:
        return Curve(slope=float(stored["slope"]), intercept=float(stored["intercept"]))
    x, p = (tuple(float(value) for value in stored[name]) for name in ("x", "p"))
    if len(x) != len(p) or not x or any(a > b for a, b in pairwise(x)):
        raise ValueError("the points of a map are not in order")
    return Curve(x=x, p=p)


def fit(method: Method, rewards: Floats, good: npt.NDArray[np.bool_]) -> Curve:
    """The map that fits labelled rewards best. Both labels are among them.

    Isotonic: the non-falling values nearest to the labels (pool adjacent violators), cut off at 1
    and n of n + 1, since no sample shows that there are no exceptions. Platt: the likeliest
    logistic function, with Platt's targets, which keep the slope finite (Platt 1999).
    """
    return _isotonic(rewards, good) if method == "isotonic" else _platt(rewards, good)


def _isotonic(rewards: Floats, good: npt.NDArray[np.bool_]) -> Curve:
    from scipy.optimize import isotonic_regression

    x, places, counts = np.unique(rewards, return_inverse=True, return_counts=True)
    share = np.bincount(places, weights=good) / counts
    fitted = np.asarray(isotonic_regression(share, weights=counts).x)
    n = len(rewards)
    fitted = fitted.clip(1 / (n + 1), n / (n + 1))
    # both ends of each level stretch are enough
    kept = np.ones(len(x), bool)
    kept[1:-1] = (np.diff(fitted)[:-1] != 0) | (np.diff(fitted)[1:] != 0)
    return Curve(x=tuple(x[kept].tolist()), p=tuple(fitted[kept].tolist()))


def _platt(rewards: Floats, good: npt.NDArray[np.bool_]) -> Curve:
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
    slope = max(0.0, slope) / spread  # a judge that is wrong throughout tells nothing
    return Curve(slope=float(slope), intercept=float(intercept - slope * middle))
