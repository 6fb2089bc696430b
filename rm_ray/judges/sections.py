"""Defines the section `judge` of a configuration: its keys are those of the family it names."""

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Discriminator, Tag

from rm_ray.judges.classifier.keys import ClassifierConfig
from rm_ray.judges.keys import JudgeSection
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.quantile.keys import QuantileConfig
from rm_ray.judges.regression.keys import RegressionConfig

DEFAULT = "preference"
SECTIONS: dict[str, type[JudgeSection]] = {
    "preference": PreferenceConfig,
    "classifier": ClassifierConfig,
    "regression": RegressionConfig,
    "quantile": QuantileConfig,
}


def _family(section: Any) -> str:
    """Return the tag of a section's family, for pydantic's discriminator."""
    family = section.get("family") if isinstance(section, dict) else getattr(section, "family", "")
    return f"[{family or DEFAULT}]"


def _check_family(section: Any) -> Any:
    """Refuse an unknown family, and a key of another family; the error names both."""
    if not isinstance(section, dict):
        return section
    family = section.get("family") or DEFAULT
    if not isinstance(family, str) or family not in SECTIONS:
        raise ValueError(f"family is {family!r}; there are {', '.join(SECTIONS)}")
    for key in section.keys() - SECTIONS[family].model_fields.keys():
        owners = [name for name, keys in SECTIONS.items() if key in keys.model_fields]
        if owners:
            raise ValueError(
                f"{key} is a key of the family {' and of '.join(owners)}, and judge.family is "
                f"{family}; leave it out, or give --judge.family {owners[0]}"
            )
    return section


# The section `judge`. The tags are in brackets, so that command_line can leave them out of errors.
JudgeConfig: TypeAlias = Annotated[
    Annotated[PreferenceConfig, Tag("[preference]")]
    | Annotated[ClassifierConfig, Tag("[classifier]")]
    | Annotated[RegressionConfig, Tag("[regression]")]
    | Annotated[QuantileConfig, Tag("[quantile]")],
    Discriminator(_family),
    BeforeValidator(_check_family),
]
