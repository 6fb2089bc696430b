"""Compares two judges of the same texts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rm_ray.config import OutputConfig, StorageConfig
from rm_ray.corpus.files import then_and_now
from rm_ray.counts.agreement import same_best
from rm_ray.errors import InputError, OutputError
from rm_ray.evaluate.config import JUDGED_PAIRS, EvaluateConfig
from rm_ray.evaluate.figures import Against, KeepAgreement
from rm_ray.evaluate.labelled import (
    Key,
    Labelled,
    judged_pairs,
    keys_of,
    open_run,
    read_documents,
    sizes_and_versions,
)
from rm_ray.evaluate.measure import MAIN, figures_of, interval
from rm_ray.evaluate.statistics import (
    Estimate,
    estimate,
    rank_correlation,
    resampled,
    seed_of,
    smallest_difference,
)
from rm_ray.run.output.folder import RunFolder

SHARES = (0.01, 0.1, 0.3)


@dataclass(frozen=True)
class Other:
    """Other holds another judge's rewards."""

    path: str
    """Folder of the other judge's run."""
    model: str
    """Model of the other judge."""
    rewards: dict[Key, tuple[float, ...]]
    """Rewards of both chunks of each pair, or the reward of each document; nan for rows
    without one.
    """
    files: Mapping[str, tuple[int, str]]
    """Size and version of each file when the other run planned it, by path."""


def open_other(config: EvaluateConfig, of: str) -> Other:
    """Open the evaluation, or the scoring run, of the key `against`.

    Raises:
        InputError: the folder holds another kind of run, or the run is not complete.
        OutputError: the folder holds nothing of rm_ray.
    """
    path, storage = str(config.against), config.output.storage
    return _evaluation(path, storage, config) if of == "pairs" else _run(path, config)


def _evaluation(path: str, storage: StorageConfig, config: EvaluateConfig) -> Other:
    run = RunFolder(OutputConfig(path=path, storage=storage), JUDGED_PAIRS, key="against")
    give = "the --output.path of another evaluation of the same pairs"
    stored = run.stored(give)
    if not stored or not {"pairs", "figures"} <= stored["config"].keys():
        problem = "is the run of another job" if stored else "holds no evaluation"
        raise InputError(f"against: {run.uri} {problem}; give {give}")
    if not run.complete:
        raise InputError(f"against: {run.uri} is not complete; run that evaluation to its end")
    pairs = judged_pairs(run, config)
    rewards = zip(pairs.rewards[::2].tolist(), pairs.rewards[1::2].tolist(), strict=True)
    return Other(
        path=run.uri,
        model=str(stored["config"]["judge"]["model"]),
        rewards=dict(zip(pairs.keys, rewards, strict=True)),
        files=pairs.files,
    )


def _run(path: str, config: EvaluateConfig) -> Other:
    try:
        run = open_run(path, config.rewards.storage)
        rows, rewards = read_documents(run, config.rewards.column, [])
    except (InputError, OutputError) as error:
        raise type(error)(f"against: {str(error).removeprefix('rewards.path: ')}") from None
    by_key: dict[Key, tuple[float, ...]] = {
        key: (reward,) for key, reward in zip(keys_of(rows), rewards.tolist(), strict=True)
    }
    model = str(run.stored["config"]["judge"]["model"])
    return Other(run.uri, model, by_key, sizes_and_versions(run.files))


def against(sample: Labelled, other: Other, config: EvaluateConfig) -> Against:
    """Compare two judges.

    Raises:
        InputError: the other judge has judged other pairs, or other documents.
    """
    _check_same(sample, other)
    known = [at for at, key in enumerate(sample.keys) if np.isfinite(other.rewards[key]).all()]
    if not known:
        raise InputError(f"against: {other.path} has no reward for any of these {sample.of}")
    each = 2 if sample.of == "pairs" else 1
    texts = (np.array(known)[:, None] * each + np.arange(each)).ravel()
    first, good, documents = sample.rewards[texts], sample.good[texts], sample.documents[texts]
    second = np.array([other.rewards[sample.keys[at]] for at in known], np.float64).ravel()
    by_judge = [figures_of(sample.of, rewards, good) for rewards in (first, second)]
    names = [name for name in by_judge[0] if name != "accuracy"]
    figures = [by_judge[judge][name] for judge in (0, 1) for name in names]
    figures_config = config.figures
    drawn = resampled(
        figures, documents, seed_of(figures_config.seed, "against"), figures_config.resamples
    )
    differences = drawn[:, : len(names)] - drawn[:, len(names) :]
    count = len(np.unique(documents))
    estimates = {
        name: estimate(column, count, share=False)
        for name, column in zip(names, differences.T, strict=True)
    }
    main = estimates[MAIN[sample.of]]
    correlation = rank_correlation(first, second)
    return Against(
        path=other.path,
        model=other.model,
        common=len(known),
        pairwise=interval(estimates.get("pairwise")),
        auc=interval(estimates["auc"]),
        smallest_difference=smallest_difference(main.error) / np.sqrt(2) if main else 0.0,
        correlation=correlation if np.isfinite(correlation) else None,
        kept=[
            KeepAgreement(share=share, agreement=same_best(first, second, share))
            for share in SHARES
        ],
        sentence=_sentence(sample, main),
    )


def _check_same(sample: Labelled, other: Other) -> None:
    """Check that the other judge has judged the same rows. Documents may lack a reward.

    Raises:
        InputError: rows differ, and the message says how many are common; or a file has changed
            between the two runs.
    """
    for path, own in sample.files.items():
        if own != (others := other.files.get(path, own)):
            raise InputError(
                f"against: {path} has changed between the two runs ({then_and_now(own, others)}), "
                "so its rows may be other texts; let both judges judge the same files"
            )
    unit, count, other_count = sample.of, len(sample.keys), len(other.rewards)
    common = sum(key in other.rewards for key in sample.keys)
    if common < count or (unit == "pairs" and common < other_count):
        raise InputError(
            f"against: {other.path} has judged other {unit}: {common:,} are in both, of {count:,} "
            f"of this judge and {other_count:,} of the other; give a run over the same {unit}"
        )


def _sentence(sample: Labelled, found: Estimate | None) -> str:
    if found is None:
        return "Nothing can be compared: there are no texts of both labels."
    figure = "the share of pairs that are right" if sample.of == "pairs" else "AUC"
    low, high, points = (100 * share for share in (found.low, found.high, found.value))
    interval_text = f"(95%: {low:+.1f} to {high:+.1f})"
    if low <= 0 <= high:
        return (
            f"The two judges cannot be told apart: {figure} differs by {points:+.1f} points "
            f"{interval_text}."
        )
    better = "better" if points > 0 else "worse"
    return (
        f"This judge is {better} than the other: {figure} by {points:+.1f} points {interval_text}."
    )
