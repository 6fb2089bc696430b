"""An instruct model's chat template on the tiny judge's vocabulary."""

import tempfile
from functools import cache
from pathlib import Path

from rm_ray.judges.tokens import read_tokenizer
from rm_ray.pairs.chat import ChatPrompts
from tests.checkpoints import QWEN_TEMPLATE, QWEN_TOKENS, byte_level

TEMPLATE = (
    QWEN_TEMPLATE + "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


@cache
def chat_files():
    with tempfile.TemporaryDirectory() as folder:
        byte_level(Path(folder), QWEN_TOKENS, TEMPLATE)
        return read_tokenizer(folder, None)


def chat_prompts(*instructions):
    return ChatPrompts.of(instructions or ("Say it again: {text}",), chat_files())
