"""How far two judges agree on the best texts."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def same_best(one: Floats, other: Floats, share: float) -> float:
    """Return the share of the best texts by one judge that are among the best by the other.

    Both keep the fraction `share` of the texts. Ties are in the order of the texts.
    """
    kept = max(1, round(share * len(one)))
    best = [set(np.argsort(-values, kind="stable")[:kept].tolist()) for values in (one, other)]
    return len(best[0] & best[1]) / kept
