"""The tiny judge as shipped, and the demo's corpus."""

import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from demo.build_corpus import EDGES, JUNK_OF_A_KIND, REAL_DOCUMENTS, build
from demo.spoil import TRAINING, UNSEEN
from demo.texts import Text
from tests.conftest import ROOT

SHIPPED = ROOT / "demo" / "tiny_judge"

pytestmark = pytest.mark.slow


def test_its_labels_are_the_tokens_32_and_33_as_qwens_are():
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    assert [tokenizer.encode(label).ids for label in "AB"] == [[32], [33]]


def test_its_head_is_zero_but_for_the_labels():
    head = load_file(SHIPPED / "model.safetensors")["lm_head.weight"]
    assert head[[32, 33]].any(axis=1).all()
    head[[32, 33]] = 0
    assert not head.any()


def test_the_corpus_has_every_kind_and_the_edges():
    import random

    documents = [Text(f"s{i}", f"A text about number {i}. " * 20) for i in range(300)]
    rows = build(documents, random.Random(0))
    kinds = [row["kind"] for row in rows]
    assert kinds.count("real") == REAL_DOCUMENTS and kinds.count("edge") == len(EDGES)
    assert all(kinds.count(kind) == JUNK_OF_A_KIND for kind in TRAINING | UNSEEN)
    assert len({row["id"] for row in rows}) == len(rows)
