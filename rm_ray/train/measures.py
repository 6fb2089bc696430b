"""How good a judge is on the validation split. Pure."""

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from rm_ray.train.config import TrainConfig

Floats = npt.NDArray[np.float64]
# Their names, in the order in which they are told.
MEASURES = (
    *("validation_loss", "validation_accuracy"),
    *("validation_rank_correlation", "validation_agreement_at_10_percent"),
)
SHARE = 0.1


def measures(
    config: TrainConfig, losses: Floats, values: Floats, wanted: Floats | None
) -> dict[str, float]:
    """Measures by name.

    Args:
        losses: of each example.
        values: the margin of each pair, or the reward that the judge gives.
        wanted: the reward that it is to give; None of pairs.
    """
    found = {"validation_loss": float(losses.mean())}
    if config.train.objective != "rewards":
        return found | {"validation_accuracy": float((values > 0).mean())}
    assert wanted is not None
    if len(values) > 2 and np.ptp(values) and np.ptp(wanted):
        found["validation_rank_correlation"] = float(spearmanr(values, wanted).statistic)
    found["validation_agreement_at_10_percent"] = agreement(values, wanted, SHARE)
    return found


def agreement(values: Floats, wanted: Floats, share: float) -> float:
    """Which part of the best ones by one reward are among the best by the other."""
    kept = max(1, round(share * len(values)))
    mine, theirs = (
        set(np.argsort(-one, kind="stable")[:kept].tolist()) for one in (values, wanted)
    )
    return len(mine & theirs) / kept
