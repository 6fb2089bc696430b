"""Makes every figure of an evaluation from labelled rewards."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rm_ray.config import InputConfig
from rm_ray.corpus.plan import PlannedFile
from rm_ray.errors import ConfigError, InputError
from rm_ray.evaluate.against import Other, against
from rm_ray.evaluate.baselines import baselines
from rm_ray.evaluate.calibrating import halves, shown
from rm_ray.evaluate.config import EvaluateConfig
from rm_ray.evaluate.figures import BaselineAccuracy, Calibrated, Evaluation, Facts
from rm_ray.evaluate.grouping import Grouped, grouped
from rm_ray.evaluate.labelled import Labelled
from rm_ray.evaluate.measure import measure
from rm_ray.evaluate.sources import sources
from rm_ray.evaluate.texts import score_texts
from rm_ray.evaluate.words import verdict

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Texts:
    """Texts say how to read the texts of a sample."""

    files: Sequence[PlannedFile]
    """The files with the texts."""
    inputs: InputConfig
    """The section `input` for reading them."""
    columns: Sequence[str]
    """Columns of the chosen and the rejected chunk, or of the document."""
    trained: bool
    """True if the table of pairs has a column that names the training split."""


@dataclass(frozen=True)
class Material:
    """Material is the input of an evaluation."""

    sample: Labelled
    """The labelled rewards."""
    facts: Facts
    """The facts about the run."""
    fingerprint: Mapping[str, Any]
    """Fingerprint of the run that judged."""
    identity: str
    """The judge's model, identified by its content."""
    texts: Texts | None
    """How to read the texts; None if there is no column of texts."""
    other: Other | None
    """Another judge to compare with; None if none is configured."""

    @property
    def logs(self) -> bool:
        """Return True if rewards are differences of log probabilities, so that 0 separates
        good and bad.
        """
        return self.facts.family == "preference" and self.facts.column == "reward"


def make(material: Material, config: EvaluateConfig) -> Evaluation:
    """Compute every figure.

    Raises:
        InputError: the other judge has judged other texts; or a calibration is configured, and
            there are too few documents.
        ConfigError: the column of `calibration.by` is missing.
    """
    sample = material.sample
    log.info(
        "figures of %s %s, of %d documents", f"{sample.count:,}", sample.of, len(sample.places)
    )
    groups = list(grouped(sample))
    comparison = against(sample, material.other, config) if material.other else None
    calibrated, calibration_note = _calibrated(material, config)
    whole, measured = measure(sample, groups, config.figures, zero_means=material.logs)
    scores, note = _baselines(material, groups, config)
    by_source = sources(sample)
    conclusion = verdict(
        material.facts,
        whole,
        measured,
        scores,
        by_source,
        calibrated,
        comparison,
    )
    return Evaluation(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        verdict=conclusion,
        whole=whole,
        groups=measured,
        baselines=scores,
        baselines_note=note,
        sources=by_source,
        calibration=calibrated,
        calibration_note=calibration_note,
        against=comparison,
        facts=material.facts,
    )


def _baselines(
    material: Material, groups: Sequence[Grouped], config: EvaluateConfig
) -> tuple[list[BaselineAccuracy], str]:
    texts = material.texts
    if not config.figures.baselines:
        return [], "Switched off (figures.baselines)."
    if texts is None:
        return [], "The documents are chats, and baselines need plain texts."
    seed = config.figures.seed
    scores, note = score_texts(
        material.sample, texts.files, texts.inputs, texts.columns, trained=texts.trained, seed=seed
    )
    if scores is None:
        log.warning("no baselines: %s", note)
        return [], note
    return baselines(material.sample, scores, groups, config.figures), note


def _calibrated(material: Material, config: EvaluateConfig) -> tuple[Calibrated | None, str]:
    by, seed = config.calibration.by, config.figures.seed
    if by and "by" not in material.sample.columns:
        raise ConfigError(f"calibration.by: there is no column {by!r} beside the rewards")
    try:
        split = halves(material.sample, seed)
    except InputError as error:
        if config.calibrate:
            raise InputError(f"calibrate: {error}") from None
        return None, f"{str(error)[0].upper()}{str(error)[1:]}."
    return shown(material.sample, split, by, seed, raw=material.logs), ""
