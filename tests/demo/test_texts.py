"""The texts of the tiny judge's two sides: which they are, and that they never meet."""

import logging
import re

import pytest

from demo import texts
from demo.build_corpus import REAL_DOCUMENTS
from demo.texts import (
    Text,
    clean,
    evaluation_documents,
    independent,
    shingles,
    text_hash,
    training_documents,
)

A_RUN = " ".join(f"w{i}" for i in range(13))


def listing(folder, monkeypatch, train=(), evaluate=()):
    """A list of packages in place of the project's, without hashes."""
    sides = {"train": train, "evaluate": evaluate}
    path = folder / "packages.toml"
    path.write_text(
        "".join(f"[{side}]\nsha256 = ''\npackages = {list(pins)}\n" for side, pins in sides.items())
    )
    monkeypatch.setattr(texts, "LIST", path)


@pytest.mark.slow
def test_the_evaluation_is_of_the_texts_that_the_list_was_made_with(caplog):
    documents = evaluation_documents()
    assert len(documents) >= REAL_DOCUMENTS + 300
    assert all(400 <= len(document.text) <= 3000 for document in documents)
    assert not caplog.records  # neither a version nor the hash is another one


def test_a_family_of_packages_is_on_one_side():
    families = [
        {re.split(r"[-_.]", pin)[0].rstrip("0123456789") for pin in texts._listed(side)["packages"]}
        for side in ("train", "evaluate")
    ]
    assert all(families) and not families[0] & families[1]


def test_what_shares_words_with_the_evaluation_is_no_training_text(tmp_path, monkeypatch):
    listing(
        tmp_path, monkeypatch, train=["click==8.5.1", "jinja2==3.1.6"], evaluate=["flask==3.1.3"]
    )
    seen = shingles(document.text for document in evaluation_documents())
    documents = training_documents()
    assert len(documents) > 50
    assert not any(shingles([document.text]) & seen for document in documents)
    listing(tmp_path, monkeypatch, train=["flask==3.1.3"], evaluate=["flask==3.1.3"])
    assert training_documents() == []


def test_of_documents_that_share_a_run_of_words_the_first_one_stays():
    documents = [Text("a", f"one {A_RUN}"), Text("b", f"two {A_RUN}"), Text("c", "three")]
    assert [document.source for document in independent(documents, set())] == ["a", "c"]
    assert [d.source for d in independent(documents, shingles([A_RUN]))] == ["c"]


def test_another_version_a_missing_package_and_other_texts_are_said(tmp_path, monkeypatch, caplog):
    listing(tmp_path, monkeypatch, evaluate=["no-such-package==1.0", "flask==0.1"])
    with caplog.at_level(logging.WARNING):
        evaluation_documents()
    missing, other, hashes = (record.getMessage() for record in caplog.records)
    assert missing == "the texts of no-such-package==1.0 are missing: it is not installed"
    assert other.startswith("the texts are from flask") and other.endswith("not from flask==0.1")
    assert "the README's figures were made with other texts" in hashes


def test_the_hash_tells_texts_that_are_cut_elsewhere_apart():
    assert text_hash([Text("a", "bc")]) != text_hash([Text("ab", "c")])
    assert text_hash([Text("a", "b")]) == text_hash([Text("a", "b")])


def test_shingles_see_a_shared_run_of_thirteen_words():
    assert shingles([f"a {A_RUN} b"]) & shingles([f"C, {A_RUN.upper()}!"])
    assert not shingles([A_RUN]) & shingles([A_RUN.replace("w6", "x")])


def test_cleaning_leaves_prose():
    text = (
        "# Title\n[![badge](a)](b)\nSee [the docs](http://x) and `code`.\n| a | b |\n\n\n\nEnd it."
    )
    assert clean(text) == "Title\n\nSee the docs and code.\n\nEnd it."
