"""What tests share: the tiny judge, the Qwen tokenizer where it is present, one Ray cluster."""

from pathlib import Path

import pytest

from rm_ray.tokens import load_tokenizer, plain_tokenizer

ROOT = Path(__file__).parents[1]
TINY_JUDGE = ROOT / "demo" / "tiny_judge"
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def tiny_tokenizer():
    return load_tokenizer(plain_tokenizer((TINY_JUDGE / "tokenizer.json").read_text()))


@pytest.fixture(scope="session")
def qwen_tokenizer_json():
    path = SHARED / "qwen2.5-tokenizer" / "tokenizer.json"
    if not path.is_file():
        pytest.skip("the Qwen2.5 tokenizer is not on this machine")
    return path.read_text()


@pytest.fixture(scope="session")
def qwen_tokenizer(qwen_tokenizer_json):
    return load_tokenizer(plain_tokenizer(qwen_tokenizer_json))
