"""The keys of the regression family."""

from pydantic import Field

from rm_ray.judges.keys import WHICH, Family, WholeSection


class RegressionConfig(WholeSection):
    """RewardModel and its kin: a prompt and its completion, one score, times `alpha`."""

    family: Family = Field("regression", description=WHICH)
    alpha: float = Field(1.0, description="What the model's score is multiplied by.")
    token_types: bool = Field(
        False,
        description="Tell the model the pair's halves apart (token types), if it was trained so.",
    )
