"""From labelled rewards to every figure of an evaluation."""

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
from rm_ray.evaluate.figures import Baseline, Calibrated, Evaluation, Facts
from rm_ray.evaluate.grouping import Grouped, grouped
from rm_ray.evaluate.labelled import Labelled
from rm_ray.evaluate.measure import measure
from rm_ray.evaluate.sources import sources
from rm_ray.evaluate.texts import score_texts
from rm_ray.evaluate.words import verdict

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Texts:
    """Where the texts are. `columns`: of the chosen and the rejected chunk, or of the document;
    `trained`: the table of pairs says which are to train with.
    """

    files: Sequence[PlannedFile]
    inputs: InputConfig
    columns: Sequence[str]
    trained: bool


@dataclass(frozen=True)
class Material:
    """What an evaluation is made of. `fingerprint`: of the run that judged; `identity`: of its
    model; `texts`: None where there is no column of texts; `other`: another judge.
    """

    sample: Labelled
    facts: Facts
    fingerprint: Mapping[str, Any]
    identity: str
    texts: Texts | None
    other: Other | None

    @property
    def logs(self) -> bool:
        """Whether rewards are differences of log probabilities, so that 0 parts good from bad."""
        return self.facts.family == "preference" and self.facts.column == "reward"


def make(material: Material, config: EvaluateConfig) -> Evaluation:
    """Every figure.

    Raises:
        InputError: the other judge has judged other texts; or a calibration is asked for, and
            there are too few documents.
        ConfigError: the column that maps are made by is not there.
    """
    sample = material.sample
    log.info(
        "figures of %s %s, of %d documents", f"{sample.count:,}", sample.of, len(sample.places)
    )
    groups = list(grouped(sample))
    beside = against(sample, material.other, config) if material.other else None
    calibrated, calibration_note = _calibrated(material, config)
    whole, found = measure(sample, groups, config.figures, zero_means=material.logs)
    reached, note = _baselines(material, groups, config)
    by_source = sources(sample)
    said = verdict(
        material.facts,
        whole,
        found,
        reached,
        by_source,
        calibrated,
        beside,
    )
    return Evaluation(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        verdict=said,
        whole=whole,
        groups=found,
        baselines=reached,
        baselines_note=note,
        sources=by_source,
        calibration=calibrated,
        calibration_note=calibration_note,
        against=beside,
        facts=material.facts,
    )


def _baselines(
    material: Material, groups: Sequence[Grouped], config: EvaluateConfig
) -> tuple[list[Baseline], str]:
    texts = material.texts
    if not config.figures.baselines:
        return [], "Not asked for (figures.baselines)."
    if texts is None:
        return [], "The documents are chats, of which no text is read."
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
