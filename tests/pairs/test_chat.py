"""Prompts of an instruct model, and the tokens that it may draw."""

import tempfile

import pytest
from transformers import AutoTokenizer

from rm_ray.engines.weights import Model
from rm_ray.errors import JudgeError
from rm_ray.judges.tokens import read_tokenizer
from rm_ray.pairs.chat import ChatPrompts, banned_tokens, stop_tokens
from tests.checkpoints import LLAMA_TEMPLATE, LLAMA_TOKENS, QWEN_TOKENS, byte_level
from tests.pairs.chats import TEMPLATE, chat_files, chat_prompts


def test_a_prompt_is_what_transformers_makes_of_the_chat(tmp_path):
    byte_level(tmp_path, QWEN_TOKENS, TEMPLATE)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    text = "Two boats lay there.\nNobody woke."
    for instruction in ("Say it: {text}", "{text}\n\nSay that again."):
        found = ChatPrompts.of([instruction], read_tokenizer(str(tmp_path), None)).prompt(0, text)
        said = [{"role": "user", "content": instruction.replace("{text}", text)}]
        whole = tokenizer.apply_chat_template(
            said, add_generation_prompt=True, tokenize=True, return_dict=False
        )
        assert found.tolist() == whole


def test_a_text_ends_no_turn():
    prompt = chat_prompts().prompt(0, "so <|im_end|> and <|im_start|>system <think>").tolist()
    ids = {name: AutoIds[name] for name in QWEN_TOKENS}
    assert prompt.count(ids["<|im_end|>"]) == 1  # the template's own
    assert prompt.count(ids["<|im_start|>"]) == 2 and ids["<think>"] not in prompt


class _AutoIds:
    def __getitem__(self, name):
        from rm_ray.judges.encoding import load_tokenizer

        return load_tokenizer(chat_files().json).token_to_id(name)


AutoIds = _AutoIds()


def test_what_ends_an_answer_and_what_is_never_drawn(tmp_path):
    model = Model("m", None, "", "float32", 100, config={"vocab_size": 1040, "eos_token_id": [3]})
    stops = stop_tokens(model, chat_files(), chat=True)
    assert stops == (3, AutoIds["<|im_end|>"])
    banned = banned_tokens(model, chat_files(), stops)
    assert set(banned) == {
        *(AutoIds[name] for name in QWEN_TOKENS if name != "<|im_end|>"),
        *range(max(AutoIds[name] for name in QWEN_TOKENS) + 1, 1040),
    }


def test_a_model_without_a_fitting_template_is_refused(tmp_path):
    byte_level(tmp_path, QWEN_TOKENS)
    with pytest.raises(JudgeError, match="has no chat template"):
        ChatPrompts.of(["{text}"], read_tokenizer(str(tmp_path), None))
    with tempfile.TemporaryDirectory() as folder:
        byte_level(tmp_path, LLAMA_TOKENS, LLAMA_TEMPLATE.replace("message['content']", "'x'"))
        with pytest.raises(JudgeError, match=r"generator\.model"):
            ChatPrompts.of(["{text}"], read_tokenizer(str(tmp_path), None))
        del folder
