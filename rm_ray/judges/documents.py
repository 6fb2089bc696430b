"""Turns a document given by hand into the columns that it would be read from."""

import json

import pyarrow as pa

from rm_ray.config import InputConfig
from rm_ray.judges.keys import ExampleConfig

PROMPT = "the"


def as_columns(inputs: InputConfig, said: str) -> dict[str, pa.Array]:
    """Make the columns of one document.

    Args:
        inputs: the corpus's configuration.
        said: the document's text, completion or assistant's turn.
    """
    if inputs.messages:
        turns = [("user", PROMPT), ("assistant", said)]
        chat = json.dumps([{"role": role, "content": content} for role, content in turns])
        tools = {inputs.tools: pa.nulls(1, pa.string())} if inputs.tools else {}
        return {inputs.messages: pa.array([chat]), **tools}
    if inputs.prompt and inputs.completion:
        return {inputs.prompt: pa.array([PROMPT]), inputs.completion: pa.array([said])}
    return {str(inputs.text): pa.array([said])}


def example_columns(example: ExampleConfig) -> tuple[InputConfig, dict[str, pa.Array]]:
    """Make the columns of an example, and the configuration with which to read them."""
    chat = example.messages and json.dumps([turn.model_dump() for turn in example.messages])
    values = {
        "text": example.text,
        "prompt": example.prompt,
        "completion": example.completion,
        "messages": chat,
    }
    given = {name: value for name, value in values.items() if value is not None}
    inputs = InputConfig.model_validate({"path": "none", **{name: name for name in given}})
    return inputs, {name: pa.array([value]) for name, value in given.items()}
