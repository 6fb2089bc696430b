"""Lists the families of judges, and builds a judge from its configuration."""

from collections.abc import Callable
from typing import Any, TypeAlias

from rm_ray.config import InputConfig
from rm_ray.engines.weights import Model
from rm_ray.judges.classifier.judge import build_classifier
from rm_ray.judges.classifier.keys import ClassifierConfig
from rm_ray.judges.judge import DocumentTokenizer, Judge
from rm_ray.judges.keys import JudgeSection
from rm_ray.judges.preference.judge import build_preference
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.quantile.judge import build_quantile
from rm_ray.judges.quantile.keys import QuantileConfig
from rm_ray.judges.regression.judge import build_regression
from rm_ray.judges.regression.keys import RegressionConfig

Builder: TypeAlias = Callable[[Any, InputConfig, Model], tuple[DocumentTokenizer, Judge]]
# The builder of each family, by the class of its section.
BUILDERS: dict[type[JudgeSection], Builder] = {
    PreferenceConfig: build_preference,
    ClassifierConfig: build_classifier,
    RegressionConfig: build_regression,
    QuantileConfig: build_quantile,
}


def build_judge(
    config: JudgeSection, inputs: InputConfig, model: Model
) -> tuple[DocumentTokenizer, Judge]:
    """Build both halves of the judge that the configuration asks for, resolved and checked.

    Raises:
        ConfigError: the family cannot judge documents of this kind.
        JudgeError: the tokenizer, the labels, the head or the model's length do not fit.
    """
    return BUILDERS[type(config)](config, inputs, model)
