"""The least cost of any rule that stops judging early, on Gaussian chunk rewards.

    python -m benchmarks.least_cost

Documents' means and their chunks are normal, all parameters and the cut are known, and judging may
stop after every chunk. Then the forecast of a document's reward is a martingale, and the best rule
follows by dynamic programming from the last chunk to the first: it stops where the chance of a
wrong decision, at a price, costs less than judging on. The price is searched that gives the wanted
share of wrong decisions. The table shows tokens as a share of judging everything.
"""

import argparse
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import sparse, special, stats

Floats = npt.NDArray[np.float64]

# Tokens of a judged chunk (twice 64 and 23 of markers); the first one has no context.
PER_CHUNK, FIRST = 151, -64
# Points of the forecast, so many standard deviations to each side, and nodes of each step.
POINTS, REACH, NODES = 1201, 6.0, 31


def best_rules(chunks: int, ratio: float, kept: float, prices: Floats) -> tuple[Floats, Floats]:
    """Return the cost and the share of wrong decisions of the best rule at each price, [prices].

    Args:
        chunks: chunks of each document.
        ratio: standard deviation of chunks over that of documents.
        kept: share of the documents that is kept.
        prices: a wrong decision costs so many times a whole document, [prices].
    """
    noise = ratio**2
    total = 1 + noise / chunks  # variance of documents' rewards
    cut = stats.norm.ppf(1 - kept) * np.sqrt(total)
    grid = np.linspace(-REACH, REACH, POINTS) * np.sqrt(total)
    # variance of the reward about its forecast after each number of judged chunks
    judged = np.arange(chunks + 1)
    means = noise / (noise + judged)  # variance of a document's mean, given the judged chunks
    rest = (chunks - judged) / chunks
    variance = rest**2 * means + rest * noise / chunks
    whole = PER_CHUNK * chunks + FIRST
    loss, cost, wrong = np.zeros((3, POINTS, len(prices)))
    for count in range(chunks - 1, -1, -1):
        moves = _moves(grid, float(np.sqrt(max(0.0, variance[count] - variance[count + 1]))))
        paid = (PER_CHUNK if count else PER_CHUNK + FIRST) / whole
        loss, cost, wrong = moves @ loss + paid, moves @ cost + paid, moves @ wrong
        if count:
            chance = special.ndtr(-np.abs(grid - cut) / np.sqrt(variance[count]))[:, None]
            stops = prices * chance <= loss
            loss = np.where(stops, prices * chance, loss)
            cost, wrong = np.where(stops, 0.0, cost), np.where(stops, chance, wrong)
    return cost[POINTS // 2], wrong[POINTS // 2]


def _moves(grid: Floats, step: float) -> sparse.csr_array:
    """Return the chances to move from each point of the grid to each other by a normal step."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    places = (grid[:, None] + step * nodes - grid[0]) / (grid[1] - grid[0])
    places = places.clip(0, POINTS - 1)
    left = np.minimum(places.astype(int), POINTS - 2)
    part = places - left
    weights = np.broadcast_to(weights / weights.sum(), places.shape)
    chances = np.stack([weights * (1 - part), weights * part]).ravel()
    origins = np.broadcast_to(np.arange(POINTS)[:, None], places.shape).ravel()
    targets = np.stack([left, left + 1]).ravel()
    return sparse.csr_array((chances, (np.tile(origins, 2), targets)), shape=(POINTS, POINTS))


@lru_cache
def frontier(chunks: int, ratio: float, kept: float) -> tuple[Floats, Floats]:
    """Return shares of wrong decisions, ascending, and the least cost of each."""
    costs, wrong = best_rules(chunks, ratio, kept, np.geomspace(0.3, 1e5, 80))
    order = np.argsort(wrong)
    return wrong[order], costs[order]


def least_cost(chunks: int, ratio: float, kept: float, wrong: float) -> float:
    """Return the least cost at a share of wrong decisions, of all documents."""
    shares, costs = frontier(chunks, ratio, kept)
    logs = np.log(np.maximum(shares, 1e-12))
    return float(np.interp(np.log(max(wrong, 1e-12)), logs, costs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wrong", default="0.02,0.01,0.005", help="shares of wrong decisions")
    shares = [float(share) for share in parser.parse_args().wrong.split(",")]
    names = " | ".join(f"{share:.2%} wrong" for share in shares)
    print(f"| chunks | ratio | kept | {names} |\n| ---: | ---: | ---: |{' ---: |' * len(shares)}")
    for chunks in (20, 60):
        for ratio in (1.0, 2.0, 3.0):
            for kept in (0.1, 0.3):
                costs = [least_cost(chunks, ratio, kept, share) for share in shares]
                line = " | ".join(f"{cost:.1%}" for cost in costs)
                print(f"| {chunks} | {ratio:g} | {kept:.0%} | {line} |", flush=True)


if __name__ == "__main__":
    main()
