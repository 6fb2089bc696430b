"""An instruct model's chat template on the tiny judge's vocabulary."""

import tempfile
from functools import cache
from pathlib import Path

from transformers import Qwen3Config, Qwen3ForCausalLM

from rm_ray.judges.encoding import load_tokenizer
from rm_ray.judges.tokens import read_tokenizer
from rm_ray.pairs.chat import ChatPrompts
from tests.checkpoints import LLAMA, QWEN_TEMPLATE, QWEN_TOKENS, byte_level, seeded

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


def instruct(folder):
    """A tiny instruct model whose tokens are the tiny judge's, but for its special ones."""
    byte_level(folder, QWEN_TOKENS, TEMPLATE)
    ends = load_tokenizer(read_tokenizer(str(folder), None).json).token_to_id("<|im_end|>")
    model = seeded(
        Qwen3ForCausalLM,
        Qwen3Config(**LLAMA | {"max_position_embeddings": 4096}, eos_token_id=ends),
    )
    model.save_pretrained(folder)
    return model
