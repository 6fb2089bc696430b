"""From documents to pairs: what is real in them, and what is not."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rm_ray.judges.preference.windows import window_at
from rm_ray.pairs.config import GENERATED, KINDS
from rm_ray.pairs.drawing import hashed, split_of
from rm_ray.pairs.table import SCHEMA
from rm_ray.pairs.worsen.kinds import WORSENED
from rm_ray.pairs.writing import Writer
from tests.generate_engine import HashGenerator
from tests.pairs.chats import chat_prompts
from tests.pairs.makers import JUDGE, ids_of, make, maker, texts


class Settings:
    class read_out:
        answer_tokens = 10_000

    max_prompt_tokens = 10_000


def writer(bos=(), chat=None):
    return Writer(bos, frozenset({1021}), 10_000, chat)


def check(row, ids, maker):
    """What holds of every pair."""
    window = window_at(row["chunk"], len(ids), JUDGE.rule)
    context = ids[window.start : window.middle].tolist()
    assert row["chosen_ids"] == ids[window.middle : window.stop].tolist()
    assert len(row["rejected_ids"]) == 64 and row["rejected_ids"] != row["chosen_ids"]
    if row["context"] == "clean":
        assert row["prompt_ids"] == context
    else:
        assert row["prompt_ids"] != context and 0 < len(row["prompt_ids"]) <= len(context)
        assert len(row["prompt_ids"]) % 64 == 0
    if row["extent"] == "part":
        assert row["rejected_ids"][:8] == row["chosen_ids"][:8]
    same = np.equal(row["rejected_ids"], row["chosen_ids"])
    assert not same[:57].all()  # it shows before the last eighth
    assert row["split"] == split_of(maker.config, row["source_file"], row["row"])
    assert (row["temperature"] is not None) == (row["kind"] in GENERATED)


@given(st.integers(0, 1000), st.sampled_from(sorted(WORSENED)))
@settings(max_examples=30, deadline=None)
def test_pairs_of_rules(tiny_tokenizer, seed, kind):
    made = maker(seed=seed, kinds={kind: 1}, broken_fraction=0.5, part_fraction=0.5)
    some = texts(4, seed)
    rows, counts = make(made, some)
    assert rows.schema == pa.schema([("id", pa.string()), *SCHEMA])
    for row in rows.to_pylist():
        assert row["kind"] == kind and row["id"] == f"d{row['row']}"
        check(row, ids_of(some[row["row"]], tiny_tokenizer), made)
        for name in ("prompt", "chosen", "rejected"):
            assert row[name] == tiny_tokenizer.decode(row[f"{name}_ids"], skip_special_tokens=False)
    assert counts.rows == len(rows) and counts.documents == 4
    wanted = sum(min(4, len(ids_of(text, tiny_tokenizer)) // 64) for text in some)
    assert counts.rows + sum(counts.given_up.values()) == wanted


def test_a_document_gives_the_same_pairs_in_any_shard():
    made = maker(kinds=dict.fromkeys(KINDS, 1), writer=writer(chat=chat_prompts()))
    some = texts(24)
    whole, counts = make(made, some, HashGenerator(Settings))
    assert {"continued", "rewritten"} <= set(counts.kinds)
    each = [make(made, [text], HashGenerator(Settings), first=n)[0] for n, text in enumerate(some)]
    assert pa.concat_tables(each).combine_chunks().equals(whole.combine_chunks())
    assert counts.statuses == {
        "empty": sum(not text for text in some),
        "ok": whole.column("row").to_pandas().nunique(),
        "too_short": counts.documents
        - sum(not text for text in some)
        - whole.column("row").to_pandas().nunique(),
    }


@pytest.mark.parametrize("bos", [(), (5,)])
def test_continued_goes_on_from_the_context_and_breaks_its_end(bos, tiny_tokenizer):
    made = maker(
        kinds={"continued": 1}, temperatures=[0.5, 2.0], writer=writer(bos), broken_fraction=0.5
    )
    some = texts(20, seed=3)
    seen = []

    class Listening(HashGenerator):
        def add(self, key, prompt, sampling):
            seen.append((prompt.tolist(), sampling))
            super().add(key, prompt, sampling)

    rows, counts = make(made, some, Listening(Settings))
    assert counts.windows == counts.rows and counts.rows > 4 * sum(counts.given_up.values())
    assert {row["temperature"] for row in rows.to_pylist()} == {0.5, 2.0}
    assert not any(sampling.stops for _, sampling in seen)
    asked = {sampling.seed: prompt for prompt, sampling in seen}
    contexts = set()
    for row in rows.to_pylist():
        check(row, ids_of(some[row["row"]], tiny_tokenizer), made)
        contexts.add(row["context"])
        whole = row["prompt_ids"] + row["rejected_ids"]
        tries = [hashed(row["seed"], "try", number) for number in range(3)]
        prompt = [asked[one] for one in tries if one in asked][-1]
        cut = len(prompt) - len(bos)
        assert prompt == [*bos, *whole[:cut]]
        # what was drawn stands there as its text is encoded
        drawn = tiny_tokenizer.decode(whole[cut:], skip_special_tokens=False)
        again = ids_of(drawn.rstrip("\ufffd"), tiny_tokenizer).tolist()
        assert again[:-2] == whole[cut:][: len(again) - 2] and len(again) > len(whole) - cut - 4
        if row["chunk"] == 0 and not bos:
            assert row["extent"] == "part"
        if row["context"] == "broken":
            assert (len(row["prompt_ids"]) - cut) // 64 in range(1, 5) and row["extent"] == "all"
    assert contexts == {"clean", "broken"}


def test_rewritten_asks_with_one_prompt_after_the_other(tiny_tokenizer):
    chat = chat_prompts("First: {text}", "Then: {text}")
    made = maker(kinds={"rewritten": 1}, temperatures=[1.0], writer=writer(chat=chat))
    answers = []

    class Says(HashGenerator):
        def add(self, key, prompt, sampling):
            assert sampling.stops and sampling.temperature == 1.0
            answers.append(tiny_tokenizer.decode(prompt.tolist(), skip_special_tokens=False))
            super().add(key, prompt, sampling)

    some = texts(12, seed=5)
    rows, counts = make(made, some, Says(Settings))
    first = [one for one in answers if "First: " in one]
    assert len(first) * 2 == len(answers) and counts.rows == len(rows) > 8
    for row in rows.to_pylist():
        check(row, ids_of(some[row["row"]], tiny_tokenizer), made)
        chosen = row["chosen"].strip("\ufffd").strip()
        if row["extent"] == "all" and row["context"] == "clean":
            assert any(chosen in one for one in first)


def test_what_is_never_to_be_drawn_is_drawn_again(tiny_tokenizer):
    made = maker(kinds={"continued": 1}, writer=writer())

    class Disobeys(HashGenerator):
        def step(self):
            return [(key, np.append(drawn[:-1], 1021)) for key, drawn in super().step()]

    rows, counts = make(made, texts(6), Disobeys(Settings))
    assert not len(rows) and counts.given_up == {"continued": sum(counts.given_up.values())}
    assert counts.statuses.get("given_up")


def test_text_that_no_rule_changes_is_given_up_and_never_written():
    rows, counts = make(maker(kinds={"shuffled": 1}), ["漢字仮名交文" * 200] * 2)
    assert not len(rows) and sum(counts.given_up.values()) == 8
