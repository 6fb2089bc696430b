"""Plain tokenizers of several kinds, as JSON."""

import json

from tokenizers import Tokenizer

from rm_ray.judges.encoding import plain_json
from tests import checkpoints
from tests.conftest import TINY_JUDGE

LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)


def split_by(pattern, tokenizer_json):
    """The same byte-level tokenizer, which splits its texts by another pattern."""
    parts = json.loads(tokenizer_json)
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
             "invert": False}  # fmt: skip
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                  "use_regex": False}  # fmt: skip
    parts["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, byte_level]}
    return json.dumps(parts)


def tiny():
    return plain_json((TINY_JUDGE / "tokenizer.json").read_text())


def gpt2():
    parts = json.loads(tiny()) | {"normalizer": None}
    parts["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False,
                              "trim_offsets": True, "use_regex": True}  # fmt: skip
    return json.dumps(parts)


def llama3():
    parts = json.loads(split_by(LLAMA_3, tiny())) | {"normalizer": None}
    parts["model"]["ignore_merges"] = True
    return json.dumps(parts)


def words():
    """With added words of every habit, and all the special tokens of another model as text."""
    tokenizer = Tokenizer.from_str(tiny())
    tokenizer.add_tokens(["covid", "  ", "\n\n", *checkpoints.QWEN_TOKENS])
    return plain_json(tokenizer.to_str())
