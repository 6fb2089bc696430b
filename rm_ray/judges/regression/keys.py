"""Defines the configuration keys of the regression family."""

from rm_ray.judges.keys import Family, WholeSection


class RegressionConfig(WholeSection):
    """Configures RewardModel and the like: one score for a pair, times alpha."""

    family: Family = "regression"
    """The kind of judge, which decides on its other keys; jobs/judges/ has one file per model."""
    alpha: float = 1.0
    """The reward is the model's score times this number."""
    token_types: bool = False
    """Mark the two halves of a pair for the model (token types), if it was trained so."""
