"""Simulated corpora, and the exact count that ends a selection. The benchmarks use them too."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rm_ray.select.statistics.sampled import Sampled

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Floats]


def normal(rng: np.random.Generator, documents: int, chunks: int) -> Floats:
    return rng.standard_normal((documents, chunks))


def heavy(rng: np.random.Generator, documents: int, chunks: int) -> Floats:
    """Student's t with 3 degrees of freedom, of variance 1."""
    return rng.standard_t(3, (documents, chunks)) / np.sqrt(3)


def skewed(rng: np.random.Generator, documents: int, chunks: int) -> Floats:
    """Lognormal, of mean 0 and variance 1."""
    drawn = rng.lognormal(0, 1, (documents, chunks))
    return (drawn - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)


def outliers(rng: np.random.Generator, documents: int, chunks: int) -> Floats:
    """5% of the chunks lie 8 standard deviations below the others; mean 0, variance 1."""
    far = np.where(rng.random((documents, chunks)) < 0.05, -8.0, 0.0)
    return (far + 0.4 + normal(rng, documents, chunks)) / np.sqrt(1 + 64 * 0.05 * 0.95)


def dependent(correlation: float) -> Draw:
    """Return a first-order autoregression of variance 1."""

    def draw(rng: np.random.Generator, documents: int, chunks: int) -> Floats:
        drawn = normal(rng, documents, chunks)
        for chunk in range(1, chunks):
            drawn[:, chunk] *= np.sqrt(1 - correlation**2)
            drawn[:, chunk] += correlation * drawn[:, chunk - 1]
        return drawn

    return draw


def trend(rng: np.random.Generator, documents: int, chunks: int) -> Floats:
    """Each document has a straight trend of its own from its begin to its end."""
    slopes = rng.standard_normal((documents, 1))
    return normal(rng, documents, chunks) + np.linspace(-1, 1, chunks) * slopes


KINDS: dict[str, Draw] = {
    "normal": normal,
    "t3": heavy,
    "lognormal": skewed,
    "outliers": outliers,
    "AR 0.6": dependent(0.6),
    "AR 0.9": dependent(0.9),
    "trend": trend,
    "bimodal": normal,
    "near the cut": normal,
}


def corpus(
    kind: str, ratio: float, documents: int, chunks: int, rng: np.random.Generator
) -> Floats:
    """Return the chunk rewards of documents, as float32 values, [documents, chunks].

    Args:
        kind: a name of `KINDS`.
        ratio: standard deviation of chunks over that of documents.
        documents: documents of the corpus.
        chunks: chunks of each document.
        rng: draws everything.
    """
    means = rng.standard_normal((documents, 1))
    if kind == "bimodal":
        means = means / 3 + np.where(rng.random((documents, 1)) < 0.5, 0.943, -0.943)
    rewards = KINDS[kind](rng, documents, chunks) * ratio
    if kind == "near the cut":
        # a document's mean says nothing about its chunks: the chunks add up to nearly the same
        means, rewards = 0.001 * means, rewards - rewards.mean(axis=1, keepdims=True)
    return (means + rewards).astype(np.float32).astype(np.float64)


def wrong_keeps(sides: npt.NDArray[np.int8], rewards: Floats, wanted: int) -> tuple[int, bool]:
    """Return the wrong keeps after the exact count, and whether documents judged whole lacked.

    Args:
        sides: 1 if kept early, -1 if dropped early, 0 if judged whole, [documents].
        rewards: rewards of judging everything, [documents].
        wanted: documents that are kept.
    """
    best_first = np.argsort(-rewards, kind="stable")
    belongs = np.zeros(len(rewards), bool)
    belongs[best_first[:wanted]] = True
    kept = sides == 1
    missing = wanted - int(kept.sum())
    whole = best_first[sides[best_first] == 0]
    outside = not 0 <= missing <= len(whole)
    kept[whole[: max(0, missing)]] = True
    early = max(int(((sides == 1) & ~belongs).sum()), int(((sides == -1) & belongs).sum()))
    return early if outside else int((kept & ~belongs).sum()), outside


def sample_of(chunk_rewards: Floats) -> Sampled:
    """Return documents of the same length as a sample, from rewards [documents, chunks]."""
    documents, chunks = chunk_rewards.shape
    return Sampled(chunk_rewards.ravel(), np.arange(documents + 1) * chunks)
