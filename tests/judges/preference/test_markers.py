"""Labels, markers and BOS, read where they stand in a prompt."""

import numpy as np
import pytest
from transformers import AutoTokenizer

from rm_ray.errors import JudgeError
from rm_ray.judges.encoding import encode, load_plain
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.tokens import TokenizerFiles, read_tokenizer
from tests import checkpoints


@pytest.fixture(scope="module", params=checkpoints.BEFORE_TEXTS)
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    checkpoints.sentence_pieces(folder, request.param)
    return folder


@pytest.fixture(scope="module")
def files(folder):
    return read_tokenizer(str(folder), None)


def judge_of(files, **keys):
    return PreferenceJudge.of(PreferenceConfig(model="unused", **keys), files)


def test_labels_and_markers_go_on_after_text_whatever_the_tokenizer_puts_first(folder, files):
    """Alone, "A" is the token of " A", and each marker gets a stray space."""
    judge, hub = judge_of(files), AutoTokenizer.from_pretrained(folder)
    assert hub.convert_ids_to_tokens(judge.label_ids) == ["A", "B"]
    assert "▁" not in hub.convert_ids_to_tokens([*judge.before, *judge.after])
    string = f"the road{judge.config.before_chunk}the bay{judge.config.after_chunk}"
    authors = hub(f"{string}A")["input_ids"]
    assert authors[-1] == judge.label_ids[0]
    assert authors[-1 - len(judge.after) : -1] == list(judge.after)


def test_text_prompts_are_the_authors_whole_string_with_its_bos(folder, files):
    judge = judge_of(files, prompt="text", chunk_tokens=4, context_tokens=8)
    hub = AutoTokenizer.from_pretrained(folder)
    ids = encode(load_plain(files.json), "the the the the the the")[:4]
    (prompt,) = judge.prompts(np.asarray(ids, np.int32))
    config = judge.config
    string = f"{config.before_chunk}{hub.decode(ids)}{config.after_chunk}"
    assert prompt.tolist() == hub(string)["input_ids"]


def test_prompts_begin_with_the_tokenizers_bos_unless_it_is_left_out(files):
    ids = np.arange(10, 18, dtype=np.int32)
    default, without = judge_of(files, chunk_tokens=4), judge_of(files, chunk_tokens=4, bos=False)
    assert (default.bos, without.bos) == ((1,), ())
    for prompt, other in zip(default.prompts(ids), without.prompts(ids), strict=True):
        assert prompt.tolist() == [1, *other.tolist()]
    assert default.max_prompt_tokens == without.max_prompt_tokens + 1
    assert default.marker_tokens == without.marker_tokens + 1
    assert default.fingerprint()["judge.bos"] == [1]
    assert "judge.bos" not in without.fingerprint()


def test_a_marker_that_begins_with_the_bos_puts_it_there_once(files):
    judge = judge_of(files, before_chunk="<s>\n", special_markers=True)
    assert judge.bos == () and judge.before[0] == 1


def test_a_tokenizer_without_a_bos_puts_none_there(tiny_tokenizer):
    tiny = TokenizerFiles(tiny_tokenizer.to_str(), None, {})
    assert judge_of(tiny).bos == ()
    with pytest.raises(JudgeError, match=r"judge.bos is true, and the tokenizer has no BOS"):
        judge_of(tiny, bos=True)


def test_a_bos_that_the_tokenizer_has_and_does_not_use_can_be_asked_for(tmp_path):
    checkpoints.byte_level(tmp_path, checkpoints.LLAMA_TOKENS)
    files = read_tokenizer(str(tmp_path), None)
    assert judge_of(files).bos == () and judge_of(files, bos=True).bos == (1021,)


def test_labels_that_are_no_single_token_of_their_own_are_refused(files, tiny_tokenizer):
    tiny = TokenizerFiles(tiny_tokenizer.to_str(), None, {})
    for kind, keys, message in (
        (files, {"chosen": "AB"}, r"judge.chosen: the label 'AB' is 2 tokens"),
        (tiny, {"chosen": "he", "after_chunk": "\nt"}, "'he' merges with the end of judge.after_"),
        (files, {"chosen": "A", "after_chunk": "x "}, "'A' merges with the end of judge.after_"),
    ):
        with pytest.raises(JudgeError, match=message):
            judge_of(kind, **keys)


def test_labels_that_the_tokenizer_does_not_know_are_refused(tmp_path):
    checkpoints.word_pieces(tmp_path)
    files = read_tokenizer(str(tmp_path), None)
    with pytest.raises(JudgeError, match="does not know the label '漢'"):
        judge_of(files, chosen="漢", rejected="字", after_chunk=" ")


def test_labels_that_are_the_same_token_are_refused(tmp_path):
    checkpoints.word_pieces(tmp_path)
    files = read_tokenizer(str(tmp_path), None)
    with pytest.raises(JudgeError, match="are the same token"):
        judge_of(files, chosen="the", rejected=" the", after_chunk=" ")
