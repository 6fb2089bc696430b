"""Reading tokenizers: the file as its authors wrote it, whatever class its configuration names."""

import json
import logging

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from rm_ray.errors import JudgeError
from rm_ray.judges.encoding import encode, load_plain
from rm_ray.judges.tokens import read_tokenizer
from tests import checkpoints

SAID = "The harbour, 12 boats.\n\nTwo  loaves"


def named(folder, **config):
    """A byte-level tokenizer, whose configuration says these things."""
    checkpoints.byte_level(folder, checkpoints.QWEN_TOKENS, checkpoints.QWEN_TEMPLATE)
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("kind", ["LlamaTokenizer", "GPT2Tokenizer", "GemmaTokenizer"])
def test_a_class_that_rebuilds_the_file_is_passed_by(tmp_path, caplog, kind):
    """LlamaTokenizer takes a byte-level file's spaces, GemmaTokenizer raises a bare Exception."""
    own = named(tmp_path, tokenizer_class=kind)
    with caplog.at_level(logging.WARNING):
        files = read_tokenizer(str(tmp_path), None)
    assert encode(load_plain(files.json), SAID) == encode(own, SAID)
    assert files.chat_template == checkpoints.QWEN_TEMPLATE
    assert files.special_tokens["pad_token"] == "</think>"
    assert "is read from its tokenizer.json: " in caplog.text


def test_a_space_before_texts_that_the_configuration_asks_for_is_kept(tmp_path, caplog):
    own = named(tmp_path, tokenizer_class="Qwen2Tokenizer", add_prefix_space=True)
    files = read_tokenizer(str(tmp_path), None)
    authors = AutoTokenizer.from_pretrained(tmp_path)(SAID)["input_ids"]
    assert encode(load_plain(files.json), SAID) == authors != encode(own, SAID)
    assert not caplog.text


def test_a_tekken_file_beside_it_changes_nothing(tmp_path):
    own = named(tmp_path, tokenizer_class="PreTrainedTokenizerFast")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mistral"}))
    before = read_tokenizer(str(tmp_path), None)
    (tmp_path / "tekken.json").write_text("{}")
    assert read_tokenizer(str(tmp_path), None) == before
    assert encode(load_plain(before.json), SAID) == encode(own, SAID)


@pytest.mark.parametrize(
    ("name", "kind"), [("spm.model", "deberta-v2"), ("sentencepiece.bpe.model", "xlm-roberta"),
                       ("tokenizer.model", "llama")],
)  # fmt: skip
def test_sentencepiece_models_are_converted(tmp_path, name, kind):
    import sentencepiece

    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(f"{SAID.splitlines()[0]} {i} the road is dry" for i in range(200)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(texts), model_prefix=str(tmp_path / "made"), vocab_size=60,
        hard_vocab_limit=False, model_type="bpe" if kind == "llama" else "unigram",
        minloglevel=2,
    )  # fmt: skip
    (tmp_path / "made.model").rename(tmp_path / name)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    files = read_tokenizer(str(tmp_path), None)
    authors = AutoTokenizer.from_pretrained(tmp_path)("the road", add_special_tokens=False)
    assert encode(load_plain(files.json), "the road") == authors["input_ids"]


def test_a_file_that_cannot_be_converted_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (tmp_path / "tokenizer.model").write_bytes(b"no model of sentencepiece")
    with pytest.raises(JudgeError, match="cannot load the tokenizer of"):
        read_tokenizer(str(tmp_path), None)
