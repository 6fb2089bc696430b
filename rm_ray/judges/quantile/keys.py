"""Defines the configuration keys of the quantile family."""

from pydantic import Field

from rm_ray.judges.keys import ChatConfig, Family, WholeSection


class QuantileConfig(WholeSection):
    """Configures QRM: quantiles of a reward, and named attributes of an assistant's answer."""

    family: Family = "quantile"
    """The kind of judge, which decides on its other keys; jobs/judges/ has one file per model."""
    chat: ChatConfig = ChatConfig()
    """How documents are shown as chats."""
    attributes: list[str] = Field([])
    """Names of the attributes, if they are not the 19 published ones."""
