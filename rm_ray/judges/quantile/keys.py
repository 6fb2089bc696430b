"""The keys of the quantile family."""

from pydantic import Field

from rm_ray.judges.keys import WHICH, ChatConfig, Family, WholeSection


class QuantileConfig(WholeSection):
    """QRM: quantiles of a reward and named attributes of an assistant's answer."""

    family: Family = Field("quantile", description=WHICH)
    chat: ChatConfig = ChatConfig()
    attributes: list[str] = Field(
        [], description="Names of the attributes, where they are not the 19 published ones."
    )
