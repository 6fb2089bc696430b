"""Rendered chats: as the authors render them, with no document speaking for the template."""

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from rm_ray.judges.chat_shapes import Chat
from rm_ray.judges.encoding import load_plain, load_tokenizer
from rm_ray.judges.rendering import searched_tags, shown_parts
from rm_ray.judges.template import ChatTemplate, Unfit, assistant_turn, not_taken
from rm_ray.judges.tokens import read_tokenizer
from tests import checkpoints

# Written for these tests, in the manner of Qwen3's: it shows tools and calls, and thoughts of the
# last answer alone, wherever the corpus has them.
THINKING = """
{%- if tools %}{{- '<|im_start|>system\\n# Tools\\n' }}
{%- for tool in tools %}{{- tool | tojson + '\\n' }}{%- endfor %}{{- '<|im_end|>\\n' }}{%- endif %}
{%- set ns = namespace(last=-1) %}
{%- for m in messages %}
  {%- if m.role == 'user' and not (m.content.startswith('<tool_response>')) %}
    {%- set ns.last = loop.index0 %}
  {%- endif %}
{%- endfor %}
{%- for m in messages %}
  {%- set content = m.content if m.content is string else '' %}
  {%- if m.role == 'assistant' %}
    {%- set thoughts = '' %}
    {%- if m.reasoning_content is string %}
      {%- set thoughts = m.reasoning_content %}
    {%- elif '</think>' in content %}
      {%- set thoughts = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1] %}
      {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if loop.index0 > ns.last %}
      {{- '<think>\\n' + thoughts.strip('\\n') + '\\n</think>\\n\\n' }}
    {%- endif %}
    {{- content }}
    {%- for call in m.tool_calls or [] %}
      {{- '\\n<tool_call>\\n' + (call.function or call) | tojson + '\\n</tool_call>' }}
    {%- endfor %}
    {{- '<|im_end|>\\n' }}
  {%- elif m.role == 'tool' %}
    {{- '<|im_start|>user\\n<tool_response>\\n' + content + '\\n</tool_response><|im_end|>\\n' }}
  {%- else %}
    {{- '<|im_start|>' + m.role + '\\n' + content + '<|im_end|>\\n' }}
  {%- endif %}
{%- endfor %}
"""
TOKENS = (*checkpoints.QWEN_TOKENS, "<tool_call>", "</tool_call>", "<tool_response>")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thinking")
    checkpoints.byte_level(folder, TOKENS, THINKING)
    return folder


@pytest.fixture(scope="module")
def authors(folder):
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def template(folder):
    files = read_tokenizer(str(folder), None)
    return ChatTemplate.of(files.chat_template, files.special_tokens, "26 Jul 2024", files.json)


def turns(*said, **more):
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": one} for i, one in enumerate(said)]
    messages[-1] |= more
    return messages


def names(template, authors, messages, tools=None):
    """Names of the special tokens in order, and the whole text."""
    parts = shown_parts(template, Chat(messages, tools))
    text = "".join(authors.convert_ids_to_tokens(one) if isinstance(one, int) else one
                   for one in parts)  # fmt: skip
    return [authors.convert_ids_to_tokens(one) for one in parts if isinstance(one, int)], text


def authors_text(authors, messages, tools=None):
    return authors.apply_chat_template(messages, tools=tools, tokenize=False)


CALL = {"type": "function", "function": {"name": "tide", "arguments": {"town": "Ness <b>"}}}
TOOL = {"type": "function", "function": {"name": "tide", "description": "High water <|im_end|>"}}
CHATS = {
    "plain": (turns("When?", "At two."), None),
    "html": (turns("<p>When?</p>", "<b>At</b> two, x < y."), None),
    "thoughts in the last answer": (
        turns("When?", "<think>\nIt was two.\n</think>\n\nAt two."), None
    ),
    "thoughts of an earlier answer": (
        turns("When?", "<think>\nIt was two.\n</think>\n\nAt two.", "And now?", "At eight."), None
    ),
    "reasoning beside the answer": (turns("When?", "Two.", reasoning_content="a < b"), None),
    "calls, a tool's answer and tools": (
        [*turns("When?", "", tool_calls=[CALL]), {"role": "tool", "content": "<x>14:20</x>"},
         {"role": "assistant", "content": "At two."}], [TOOL],
    ),
    "an answer of a tool in a user's turn": (
        turns("When?", "a", "<tool_response>\n14:20\n</tool_response>", "<think>b</think>At two."),
        None,
    ),
    "white space around": (turns(" \n<a> ", "\n\n <b>two \n"), None),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHATS)
def test_chats_are_shown_as_the_authors_show_them(template, authors, kind):
    messages, tools = CHATS[kind]
    _, text = names(template, authors, messages, tools)
    assert text == authors_text(authors, messages, tools)


def test_thoughts_are_the_templates_tokens_where_the_template_writes_them(template, authors):
    special, _ = names(template, authors, CHATS["thoughts in the last answer"][0])
    assert special == ["<|im_start|>", "<|im_end|>", "<|im_start|>", "<think>", "</think>",
                       "<|im_end|>"]  # fmt: skip
    special, _ = names(template, authors, CHATS["thoughts of an earlier answer"][0])
    assert special.count("<think>") == 1


FORGED = (
    "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>", "<|im_", "start|>", "<think>", "</think>",
    "<tool_call>", "<tool_response>", "<|endoftext|>", "<", ">", "|im_end|>",
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.lists(st.lists(st.sampled_from((*FORGED, "a ", "\n", "two")), max_size=5).map("".join),
                min_size=2, max_size=4).filter(lambda said: len(said) % 2 == 0))  # fmt: skip
def test_no_document_speaks_for_the_template(template, authors, said):
    """Whatever it says: the template's turns are as many as it has, and it closes each."""
    messages = turns(*said)
    try:
        special, text = names(template, authors, messages)
    except Unfit as error:
        assert "cannot be told" in str(error)
        return
    assert text == authors_text(authors, messages)
    ends = [one for one in special if one.startswith("<|")]
    assert ends == ["<|im_start|>", "<|im_end|>"] * len(said)
    asked = [i for i in range(0, len(said), 2) if not said[i].startswith("<tool_response>")]
    thought = len(said) // 2 - (max(asked, default=0) // 2)
    assert special.count("<think>") == special.count("</think>") == thought


def test_a_template_that_cuts_what_is_said_leaves_risky_chats_out(tmp_path):
    source = (
        "{%- for m in messages %}{{- '<|im_start|>' + m.content[:9] + '<|im_end|>' }}{%- endfor %}"
    )
    checkpoints.byte_level(tmp_path, checkpoints.QWEN_TOKENS, source)
    files = read_tokenizer(str(tmp_path), None)
    template = ChatTemplate(source, (), "26 Jul 2024", files.json)
    assert len(shown_parts(template, Chat(turns("a long question", "an answer")))) == 6
    with pytest.raises(Unfit, match="the template changes or cuts the text of a turn"):
        shown_parts(template, Chat(turns("a <long> question", "an answer")))
    # a string that is told by its place: the template looks whether it begins with a sign
    source = (
        "{%- for m in messages %}{{- '<|im_start|>' + ('!' if m.content[0] == '<' else '?') "
        "+ m.content + '<|im_end|>' }}{%- endfor %}"
    )
    template = ChatTemplate(source, (), "26 Jul 2024", files.json)
    start, said, *_ = shown_parts(template, Chat(turns("<|im_end|> now", "b")))
    assert isinstance(start, int) and said == "!<|im_end|> now"
    with pytest.raises(Unfit, match="more than once or the template writes it"):
        shown_parts(template, Chat(turns("<|im_end|>", "<|im_end|><|im_end|>")))


def test_a_string_that_a_template_drops_and_says_itself_is_not_taken_for_the_documents(tmp_path):
    """It stands there once, and is the template's own."""
    source = (
        "{%- for m in messages %}{%- if m.content[0] != '<' %}{{- m.content }}{%- endif %}"
        "{%- endfor %}{{- '<|im_end|>' }}"
    )
    checkpoints.byte_level(tmp_path, checkpoints.QWEN_TOKENS, source)
    files = read_tokenizer(str(tmp_path), None)
    template = ChatTemplate(source, (), "26 Jul 2024", files.json)
    with pytest.raises(Unfit, match="or the template writes it too: it cannot be told"):
        shown_parts(template, Chat(turns("<|im_end|>", "b")))


def test_a_long_chat_with_thoughts_is_cut_within_its_last_turn(folder):
    """The template writes thoughts before the last answer, empty ones too: they belong to it."""
    files = read_tokenizer(str(folder), None)
    template = ChatTemplate.of(files.chat_template, files.special_tokens, "26 Jul 2024", files.json)
    turn = assistant_turn(template)
    whole = load_tokenizer(files.json)
    shown = [whole.decode(list(one), skip_special_tokens=False)
             for one in (*turn.headers, turn.tail)]  # fmt: skip
    assert shown == [
        "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
        "<|im_end|>\n<|im_start|>assistant\n<think>",
        "<|im_end|>\n<|im_start|>assistant",
        "<|im_end|>\n",
    ]
    names = map(whole.id_to_token, turn.turn_tokens)
    assert set(names) == {"<|im_start|>", "<|im_end|>"}


def test_tags_that_a_template_looks_for():
    assert searched_tags(THINKING) == ("<tool_response>", "</think>", "<think>")
    assert searched_tags("{{ '<think>' if x else '' }}") == ()
    assert searched_tags("{{ '<a>' if '<b>' not in y else x.replace('<c>', '<d>') }}") == (
        "<b>", "<c>",
    )  # fmt: skip
    assert searched_tags("{{ y.split('</a>\\n')[0] }}{{ x == '<b>' }}") == ("</a>", "<b>")
    assert searched_tags("say '<a>' in x.split('<b>')") == ()
    assert searched_tags("{% generation %}{{ x.find('<a>') }}{% endgeneration %}") == ("<a>",)


# As GLM-4.5's: it looks for a tag that it also shows.
BOTH = (
    "{%- for m in messages %}{%- set c = m.content %}{{- '<|im_start|>' + m.role }}"
    "{%- if '</think>' in c %}{{- '<think>' + c.split('</think>')[0].split('<think>')[-1] "
    "+ '</think>\n' + c.split('</think>')[-1] }}{%- else %}{{- c }}{%- endif %}"
    "{{- '<|im_end|>' }}{%- endfor %}"
)
# It shows the end of one turn and the beginning of the other, and no turn whole.
ACROSS = (
    "{{- '<|im_start|>' + messages[0].content.split('###')[0] + '<|im_end|>' }}"
    "{{- '<|im_start|>' + messages[1].content.split('###')[-1] + '<|im_end|>' }}"
)


def templated(folder, source):
    checkpoints.byte_level(folder, checkpoints.QWEN_TOKENS, source)
    files = read_tokenizer(str(folder), None)
    return ChatTemplate(source, (), "26 Jul 2024", files.json), AutoTokenizer.from_pretrained(
        folder
    )


def test_a_tag_that_a_template_looks_for_and_shows_is_the_templates_where_it_shows_it(tmp_path):
    template, authors = templated(tmp_path, BOTH)
    said = turns("q", "<think>r</think>ans")
    special, text = names(template, authors, said)
    assert text == authors_text(authors, said)
    assert special == ["<|im_start|>", "<|im_end|>", "<|im_start|>", "<think>", "</think>",
                       "<|im_end|>"]  # fmt: skip


def test_what_a_template_puts_between_two_pieces_is_not_the_documents(tmp_path):
    template, authors = templated(tmp_path, ACROSS)
    with pytest.raises(Unfit, match="cannot be told"):
        shown_parts(template, Chat(turns("a <b> ###", "c ### <d>")))
    special, _ = names(template, authors, turns("a ###", "### d"))
    assert special == ["<|im_start|>", "<|im_end|>"] * 2


def test_names_that_a_template_writes_between_its_own_signs_are_not_obeyed(tmp_path):
    source = (
        "{%- for t in tools or [] %}{%- for k in t %}{{- '<' + k + '>' }}{%- endfor %}{%- endfor %}"
        "{%- for m in messages %}{{- '<|' + m.role + '|>' + m.content }}{%- endfor %}"
    )
    tokens = ("<|im_start|>", "<|im_end|>", "<|user|>", "<|assistant|>", "<|end|>")
    checkpoints.byte_level(tmp_path, tokens, source)
    files = read_tokenizer(str(tmp_path), None)
    template = ChatTemplate(source, (), "26 Jul 2024", files.json)
    authors = AutoTokenizer.from_pretrained(tmp_path)
    said = turns("q", "a")
    assert names(template, authors, said)[0] == ["<|user|>", "<|assistant|>"]
    forged = names(template, authors, said, [{"|im_end|": 1, "name": "f"}])[0]
    assert forged == ["<|user|>", "<|assistant|>"]
    with pytest.raises(Unfit, match="the role end is part of a special token's name"):
        shown_parts(template, Chat([said[0], {"role": "end", "content": ""}, said[1]]))


def test_chats_with_tools_are_shown_by_the_template_for_tools(tmp_path):
    checkpoints.byte_level(tmp_path, TOKENS, THINKING)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.chat_template = {"default": checkpoints.QWEN_TEMPLATE, "tool_use": THINKING}
    tokenizer.save_pretrained(tmp_path)
    authors, files = AutoTokenizer.from_pretrained(tmp_path), read_tokenizer(str(tmp_path), None)
    assert (files.chat_template, files.tool_template) == (checkpoints.QWEN_TEMPLATE, THINKING)
    template = ChatTemplate.of(
        files.chat_template, files.special_tokens, "26 Jul 2024", files.json, files.tool_template
    )
    for tools in (None, [TOOL]):
        _, text = names(template, authors, turns("q", "a"), tools)
        assert text == authors_text(authors, turns("q", "a"), tools)


def test_what_a_template_does_not_take_is_known_at_the_start(template, tmp_path):
    assert not_taken(template) == {"thoughts of earlier turns": "left out"}
    source = (
        "{%- for m in messages %}{%- if m.role == 'system' %}{{ raise_exception('no system') }}"
        "{%- endif %}{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' }}{%- endfor %}"
    )
    checkpoints.byte_level(tmp_path, checkpoints.QWEN_TOKENS, source)
    files = read_tokenizer(str(tmp_path), None)
    plain = ChatTemplate.of(source, files.special_tokens, "26 Jul 2024", files.json)
    found = not_taken(plain)
    assert found["a system turn"] == "no system"
    assert {kind for kind, why in found.items() if why == "left out"} == {
        "thoughts in reasoning_content", "tool calls", "definitions of tools",
    }  # fmt: skip


@pytest.mark.parametrize("kind", checkpoints.BEFORE_TEXTS)
def test_tokenizers_that_put_spaces_before_texts_read_chats_as_the_authors_do(tmp_path, kind):
    source = (
        "{{- bos_token }}{%- for m in messages %}{{- '[INST]' + m.content + '[/INST]' "
        "if m.role == 'user' else m.content + '</s>' }}{%- endfor %}"
    )
    checkpoints.sentence_pieces(tmp_path, kind, ("[INST]", "[/INST]"), source)
    files, authors = read_tokenizer(str(tmp_path), None), AutoTokenizer.from_pretrained(tmp_path)
    from rm_ray.config import InputConfig
    from rm_ray.judges.chats import chat_tokenizer
    from rm_ray.judges.keys import ChatConfig

    tokenizer = chat_tokenizer(ChatConfig(), InputConfig(path="-", messages="chat"), files)
    for said in (("the A", "B the"), (" the", " A"), ("A[/INST]", "the")):
        column = pa.array([json.dumps(turns(*said))])
        found = tokenizer.tokenize({"chat": column})
        assert found.statuses == ["ok"]
        if "[" in said[0]:
            assert found.ids[0].tolist().count(authors.convert_tokens_to_ids("[/INST]")) == 1
            continue
        rendered = authors.apply_chat_template(turns(*said), tokenize=False)
        expected = authors(rendered, add_special_tokens=False)["input_ids"]
        assert found.ids[0].tolist() == expected
    assert load_plain(files.json).token_to_id("[INST]") is None
