"""The section `judge` of a configuration: of the family that it names."""

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
    """The tag of the family that a section is of."""
    family = section.get("family") if isinstance(section, dict) else getattr(section, "family", "")
    return f"[{family or DEFAULT}]"


def _check_family(section: Any) -> Any:
    """Refuse a family that there is not, and a key of another family, by names."""
    if not isinstance(section, dict):
        return section
    family = section.get("family") or DEFAULT
    if not isinstance(family, str) or family not in SECTIONS:
        raise ValueError(f"family is {family!r}; there are {', '.join(SECTIONS)}")
    for key in section.keys() - SECTIONS[family].model_fields.keys():
        owners = [name for name, one in SECTIONS.items() if key in one.model_fields]
        if owners:
            raise ValueError(
                f"{key} is a key of the family {' and of '.join(owners)}, and judge.family is "
                f"{family}; leave it out, or give --judge.family {owners[0]}"
            )
    return section


# The section `judge`. Tags stand in brackets: command_line leaves them out of errors.
JudgeConfig: TypeAlias = Annotated[
    Annotated[PreferenceConfig, Tag("[preference]")]
    | Annotated[ClassifierConfig, Tag("[classifier]")]
    | Annotated[RegressionConfig, Tag("[regression]")]
    | Annotated[QuantileConfig, Tag("[quantile]")],
    Discriminator(_family),
    BeforeValidator(_check_family),
]
