"""The families of judges: which there are, and how one is built from its keys."""

from rm_ray.config import InputConfig
from rm_ray.engines.weights import Model
from rm_ray.judges.judge import DocumentTokenizer, Judge
from rm_ray.judges.preference.judge import build_preference
from rm_ray.judges.preference.keys import JudgeConfig


def build_judge(
    config: JudgeConfig, inputs: InputConfig, model: Model
) -> tuple[DocumentTokenizer, Judge]:
    """Both halves of the judge that the configuration asks for, resolved and checked.

    Raises:
        JudgeError: the tokenizer, the labels or the model's length do not fit.
    """
    return build_preference(config, inputs, model)
