"""Chats in the shapes that corpora have."""

import json

import pyarrow as pa
import pytest

from rm_ray.judges.chat_shapes import read_chats

CHAT = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
TURN = pa.struct({"role": pa.string(), "content": pa.string()})
GPT = [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]
PARTS = [CHAT[0], {"role": "assistant", "content": [{"type": "text", "text": "So."}]}]
CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]}


def messages_of(column, tools=None):
    found = read_chats(column, tools)
    assert set(found.statuses) == {"ok"}, found.errors
    return [chat.messages for chat in found.chats]


@pytest.mark.parametrize(
    "value",
    [
        CHAT,
        {"messages": CHAT, "id": 7},
        {"conversations": GPT},
        {"messages": json.dumps(CHAT)},
        {"messages": {"role": ["user", "assistant"], "content": ["Why?", "So."]}},
        GPT,
        json.dumps(CHAT),
        [json.dumps(one) for one in CHAT],
        [{"role": "User", "content": "Why?"}, {"role": "ASSISTANT", "content": "So."}],
        [*CHAT, None, {"role": None, "content": None}],
        PARTS,
        [CHAT[0], {"role": "assistant", "content": ["So."]}],
        {"role": ["user", "assistant"], "content": ["Why?", "So."]},
    ],
)
def test_shapes_of_json(value):
    assert messages_of(pa.array([json.dumps(value)])) == [CHAT]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (pa.list_(TURN), CHAT),
        (pa.large_list(TURN), CHAT),
        (pa.list_(TURN, 3), [*CHAT, None]),
        (pa.list_view(TURN), CHAT),
        (pa.large_list_view(TURN), CHAT),
        (pa.list_(pa.string()), [json.dumps(one) for one in CHAT]),
        (pa.struct({"role": pa.list_(pa.string()), "content": pa.list_(pa.string())}),
         {"role": ["user", "assistant"], "content": ["Why?", "So."]}),
        (pa.struct({"messages": pa.list_(TURN)}), {"messages": CHAT}),
        (pa.list_(pa.struct({"from": pa.string(), "value": pa.string()})), GPT),
        (pa.list_(pa.struct({"role": pa.dictionary(pa.int8(), pa.string()),
                             "content": pa.large_string()})), CHAT),
        (pa.list_(pa.struct({"role": pa.string(), "content": pa.list_(
            pa.struct({"type": pa.string(), "text": pa.string()}))})),
         [{"role": "user", "content": [{"type": "text", "text": "Why?"}]},
          {"role": "assistant", "content": [{"type": "text", "text": "So."}]}]),
    ],
)  # fmt: skip
def test_shapes_of_arrow(kind, value):
    column = pa.array([value, None, value], kind)
    found = read_chats(column.slice(1), None)
    assert found.statuses == ["empty", "ok"] and found.chats[1].messages == CHAT
    assert messages_of(pa.chunked_array([column.take([0]), column.slice(2)])) == [CHAT, CHAT]


def test_what_else_a_message_says_is_kept_and_null_fields_of_structs_are_not():
    call = pa.struct({"function": pa.struct({"name": pa.string(), "arguments": pa.string()})})
    kind = pa.list_(pa.struct({
        "role": pa.string(), "content": pa.string(), "tool_calls": pa.list_(call),
        "name": pa.string(), "reasoning_content": pa.string(), "at": pa.timestamp("s"),
    }))  # fmt: skip
    value = [
        CHAT[0],
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "content": "1", "name": "f"},
        {"role": "assistant", "content": "So.", "reasoning_content": "Hm."},
    ]
    (found,) = messages_of(pa.array([value], kind))
    assert found == value
    assert messages_of(pa.array([json.dumps(value)])) == [value]
    # what JSON says is null stays null, but for fields of the message itself
    calls = [{"function": {"name": "f", "day": None}}]
    said = [CHAT[0], {"role": "assistant", "content": None, "name": None, "tool_calls": calls}]
    said.append(CHAT[1])
    (kept,) = messages_of(pa.array([json.dumps(said)]))
    assert kept[1] == {key: one for key, one in said[1].items() if key != "name"}


def test_tools_stand_beside_or_within():
    tool = {"type": "function", "function": {"name": "f", "x": None}}
    without = {"type": "function", "function": {"name": "f"}}
    chat = pa.array([json.dumps(CHAT)] * 4)
    beside = pa.array([json.dumps([tool]), json.dumps(tool), None, "[]"])
    found = read_chats(chat, beside)
    assert [one.tools for one in found.chats] == [[tool], [tool], None, []]
    within = read_chats(pa.array([json.dumps({"messages": CHAT, "tools": [tool]})]), None)
    assert within.chats[0].tools == [tool]
    function = pa.struct({"name": pa.string(), "x": pa.string()})
    kind = pa.list_(pa.struct({"type": pa.string(), "function": function}))
    arrow = read_chats(chat.slice(0, 1), pa.array([[tool]], kind))
    assert arrow.chats[0].tools == [without]
    for wrong in ("{", "7", '["a"]'):
        bad = read_chats(chat.slice(0, 1), pa.array([wrong]))
        assert bad.statuses == ["invalid"]
        assert bad.errors == ["the tools are neither a list of objects nor JSON of one"]


@pytest.mark.parametrize(
    ("value", "status", "error"),
    [
        ({"text": "a"}, "invalid", "an object of text, and not a list; a chat is a list of mess"),
        ({"role": ["user"], "content": []}, "invalid", "an object of lists that are not equally"),
        ([None, None], "empty", "there are no messages"),
        ([*CHAT[:1], CALL | {"tool_calls": None}], "invalid", "message 2 has no role and content"),
        ([None, *CHAT], "invalid", "message 1 has no role and content"),
        ([CHAT[0], {"role": "assistant", "content": [{"type": "image", "url": "x"}]}], "invalid",
         "message 2 has a part of type image; only text is judged"),
        ([CHAT[0], {"role": "assistant", "content": 7}], "invalid", "a part of type int; only"),
        ([CHAT[0], {"role": "a b", "content": "x"}], "invalid", "message 2 has a role that is not"),
        ([CHAT[0], {"role": "assistant", "content": []}], "invalid", "2 has a content with"),
        ({"messages": None}, "empty", "there are no messages"),
        (CHAT[:1], "invalid", "the last turn is the user's, not the assistant's"),
    ],
)  # fmt: skip
def test_what_is_no_chat_says_what_it_is(value, status, error):
    found = read_chats(pa.array([json.dumps(value), json.dumps(CHAT)]), None)
    assert found.statuses == [status, "ok"] and error in found.errors[0]


def test_roles_keep_their_names_but_for_sharegpts_and_a_system_text_beside_them_is_a_turn():
    said = [{"role": "observation", "content": "1"}, CHAT[1]]
    assert messages_of(pa.array([json.dumps(said)])) == [said]
    beside = {"conversations": GPT, "system": "Be brief."}
    assert messages_of(pa.array([json.dumps(beside)])) == [
        [{"role": "system", "content": "Be brief."}, *CHAT]
    ]


@pytest.mark.parametrize("depth", [300, 700, 950, 5000])
def test_deep_nesting_costs_its_own_row(depth):
    deep = f'[{{"role": "user", "content": "q", "x": {"[" * depth}{"]" * depth}}}, '
    deep += '{"role": "assistant", "content": "a"}]'
    found = read_chats(pa.array([deep, json.dumps(CHAT)]), None)
    assert found.statuses[1] == "ok" and found.statuses[0] in ("ok", "invalid")
