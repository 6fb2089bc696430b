"""Quality measures of a judge on the validation split. Pure functions."""

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from rm_ray.counts.agreement import same_best
from rm_ray.train.config import TrainConfig

Floats = npt.NDArray[np.float64]
# Names of the measures, in the order of the model card.
MEASURES = (
    *("validation_loss", "validation_accuracy"),
    *("validation_rank_correlation", "validation_agreement_at_10_percent"),
)
SHARE = 0.1


def measures(
    config: TrainConfig, losses: Floats, values: Floats, wanted: Floats | None
) -> dict[str, float]:
    """Compute the measures, by name.

    Args:
        losses: the loss of each example.
        values: the margin of each pair, or the reward that the judge gives.
        wanted: the target reward of each example; None for pairs.
    """
    result = {"validation_loss": float(losses.mean())}
    if config.train.objective != "rewards":
        return result | {"validation_accuracy": float((values > 0).mean())}
    assert wanted is not None
    if len(values) > 2 and np.ptp(values) and np.ptp(wanted):
        result["validation_rank_correlation"] = float(spearmanr(values, wanted).statistic)
    result["validation_agreement_at_10_percent"] = same_best(values, wanted, SHARE)
    return result
