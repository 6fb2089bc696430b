"""Two judges of the same texts, side by side."""

from dataclasses import dataclass

import numpy as np

from rm_ray.config import OutputConfig, StorageConfig
from rm_ray.errors import InputError, OutputError
from rm_ray.evaluate.config import JUDGED_PAIRS, EvaluateConfig
from rm_ray.evaluate.figures import Against, Kept
from rm_ray.evaluate.labelled import (
    Key,
    Labelled,
    judged_pairs,
    keys_of,
    open_run,
    read_documents,
)
from rm_ray.evaluate.measure import MAIN, figures_of, interval
from rm_ray.evaluate.statistics import (
    Estimate,
    estimate,
    rank_correlation,
    resampled,
    same_best,
    seed_of,
    smallest_difference,
)
from rm_ray.run.output.folder import RunFolder

SHARES = (0.01, 0.1, 0.3)


@dataclass(frozen=True)
class Other:
    """Another judge's rewards: of both chunks of each pair, or of each document that it looked at,
    nan where that has none.
    """

    path: str
    model: str
    rewards: dict[Key, tuple[float, ...]]


def open_other(config: EvaluateConfig, of: str) -> Other:
    """Open the evaluation, or the scoring run, that `against` names.

    Raises:
        InputError: it is no evaluation of pairs, or no scoring run, or is not complete.
        OutputError: it is nothing of rm_ray.
    """
    path, storage = str(config.against), config.output.storage
    return _evaluation(path, storage, config) if of == "pairs" else _run(path, config)


def _evaluation(path: str, storage: StorageConfig, config: EvaluateConfig) -> Other:
    run = RunFolder(OutputConfig(path=path, storage=storage), JUDGED_PAIRS, key="against")
    give = "the --output.path of another evaluation of the same pairs"
    stored = run.stored(give)
    if not stored or not {"pairs", "figures"} <= stored["config"].keys():
        what = "is the run of another job" if stored else "holds no evaluation"
        raise InputError(f"against: {run.uri} {what}; give {give}")
    if not run.complete:
        raise InputError(f"against: {run.uri} is not complete; run that evaluation to its end")
    found = judged_pairs(run, config)
    rewards = zip(found.rewards[::2].tolist(), found.rewards[1::2].tolist(), strict=True)
    return Other(
        path=run.uri,
        model=str(stored["config"]["judge"]["model"]),
        rewards=dict(zip(found.keys, rewards, strict=True)),
    )


def _run(path: str, config: EvaluateConfig) -> Other:
    try:
        run = open_run(path, config.rewards.storage)
        rows, rewards = read_documents(run, config.rewards.column, [])
    except (InputError, OutputError) as error:
        raise type(error)(f"against: {str(error).removeprefix('rewards.path: ')}") from None
    found: dict[Key, tuple[float, ...]] = {
        key: (reward,) for key, reward in zip(keys_of(rows), rewards.tolist(), strict=True)
    }
    return Other(run.uri, str(run.stored["config"]["judge"]["model"]), found)


def against(sample: Labelled, other: Other, config: EvaluateConfig) -> Against:
    """The differences of two judges.

    Raises:
        InputError: they have judged other pairs, or other documents.
    """
    _check_same(sample, other)
    known = [at for at, key in enumerate(sample.keys) if np.isfinite(other.rewards[key]).all()]
    each = 2 if sample.of == "pairs" else 1
    texts = (np.array(known)[:, None] * each + np.arange(each)).ravel()
    mine, good, documents = sample.rewards[texts], sample.good[texts], sample.documents[texts]
    theirs = np.array([other.rewards[sample.keys[at]] for at in known], np.float64).ravel()
    both = [figures_of(sample.of, rewards, good) for rewards in (mine, theirs)]
    names = [name for name in both[0] if name != "accuracy"]
    figures = [both[side][name] for side in (0, 1) for name in names]
    figures_config = config.figures
    drawn = resampled(
        figures, documents, seed_of(figures_config.seed, "against"), figures_config.resamples
    )
    differences = drawn[:, : len(names)] - drawn[:, len(names) :]
    count = len(np.unique(documents))
    found = {
        name: estimate(column, count, share=False)
        for name, column in zip(names, differences.T, strict=True)
    }
    main = found[MAIN[sample.of]]
    correlation = rank_correlation(mine, theirs)
    return Against(
        path=other.path,
        model=other.model,
        common=len(known),
        pairwise=interval(found.get("pairwise")),
        auc=interval(found["auc"]),
        smallest_difference=smallest_difference(main.error) / np.sqrt(2) if main else 0.0,
        correlation=correlation if np.isfinite(correlation) else None,
        kept=[Kept(share=share, agreement=same_best(mine, theirs, share)) for share in SHARES],
        sentence=_sentence(sample, main),
    )


def _check_same(sample: Labelled, other: Other) -> None:
    """Refuse another set of pairs. Documents may lack a reward by the other judge.

    Raises:
        InputError: saying how many are not there.
    """
    what, here, there = sample.of, len(sample.keys), len(other.rewards)
    common = sum(key in other.rewards for key in sample.keys)
    if common < here or (what == "pairs" and common < there):
        raise InputError(
            f"against: {other.path} has judged other {what}: {common:,} are in both, of {here:,} "
            f"here and {there:,} there; give one that has judged the same"
        )


def _sentence(sample: Labelled, found: Estimate | None) -> str:
    if found is None:
        return "Nothing can be compared: there are no texts of both labels."
    what = "the share of pairs that are right" if sample.of == "pairs" else "AUC"
    low, high, points = (100 * one for one in (found.low, found.high, found.value))
    where = f"(95%: {low:+.1f} to {high:+.1f})"
    if low <= 0 <= high:
        return (
            f"The two judges cannot be told apart: {what} differs by {points:+.1f} points {where}."
        )
    better = "better" if points > 0 else "worse"
    return f"This judge is {better} than the other: {what} by {points:+.1f} points {where}."
