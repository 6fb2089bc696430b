"""Chats as corpora hold them, made into messages as chat templates take them.

A chat is a list of messages, each a mapping with `role`, `content` and whatever else the corpus
says of it (`tool_calls`, `reasoning_content`, `name`, ...). Corpora hold chats as Arrow lists of
structs, as structs of lists, as JSON, as JSON within JSON, or with ShareGPT's `from` and `value`.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyarrow as pa

from rm_ray.errors import first_line
from rm_ray.judges.values import as_text, plain_values, without_nulls

Message: TypeAlias = dict[str, Any]

ROLE = re.compile("[A-Za-z][A-Za-z0-9_-]{0,31}")
ROLES = ("system", "developer", "user", "assistant", "tool")
TOO_DEEP = "the messages are nested too deeply"
# ShareGPT's names of speakers.
SPEAKERS = {"human": "user", "gpt": "assistant", "observation": "tool"}
# Keys under which an object holds its messages.
WITHIN = ("messages", "conversations", "conversation")


@dataclass(frozen=True)
class Chat:
    """One chat of a corpus."""

    messages: list[Message]
    tools: list[Any] | None = None
    """Definitions of the tools that the assistant may call; None where the corpus has none."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Who says each turn."""
        return tuple(message["role"] for message in self.messages)


class NoChat(ValueError):
    """A value that is no chat, with the status of its row and the reason."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass
class Chats:
    """The chats of a column, each with the status that it has before it is judged."""

    chats: list[Chat | None] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)

    def add(self, chat: Chat | None, status: str = "ok", error: str | None = None) -> None:
        """Add one row."""
        self.chats.append(chat)
        self.statuses.append(status)
        self.errors.append(error)


def read_chats(
    column: pa.Array | pa.ChunkedArray, tools: pa.Array | pa.ChunkedArray | None
) -> Chats:
    """Read the chats of a column; a row that is no chat costs only itself.

    Args:
        tools: definitions of tools beside each chat, lists of structs or JSON.
    """
    found = Chats()
    # Arrow gives each struct every field; what JSON says is null stays
    values = [without_nulls(value) for value in plain_values(column)]
    nothing = [None] * len(values)
    definitions = nothing if tools is None else list(map(without_nulls, plain_values(tools)))
    for value, beside in zip(values, definitions, strict=True):
        try:
            found.add(_chat(value, beside))
        except NoChat as no:
            found.add(None, no.status, no.reason)
        except RecursionError:
            found.add(None, "invalid", TOO_DEEP)
    return found


def _chat(value: Any, tools: Any) -> Chat:
    """Make one value a chat.

    Raises:
        NoChat: with the status and the reason.
    """
    value = _parsed(value)
    if isinstance(value, dict):
        value = {_shown(key): one for key, one in value.items()}
        tools = tools if tools is not None else value.get("tools")
        value = _within(value)
    if not value:
        raise NoChat("empty", "there are no messages")
    if not isinstance(value, list):
        raise NoChat("invalid", "the messages are not a list")
    value = _without_nothing(value)
    if not value:
        raise NoChat("empty", "there are no messages")
    messages = [_message(number, one) for number, one in enumerate(value, 1)]
    if messages[-1]["role"] != "assistant":
        raise NoChat(
            "invalid", f"the last turn is the {messages[-1]['role']}'s, not the assistant's"
        )
    return Chat(messages, _tools(tools))


def _parsed(value: Any) -> Any:
    """A value of which JSON is read, and JSON that holds JSON too."""
    if not isinstance(value, bytes | str) or not value.strip():
        return value
    try:
        value = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise NoChat("invalid", f"the messages are not JSON: {first_line(error)}") from None
    with suppress(ValueError, RecursionError):
        return json.loads(value) if isinstance(value, str) else value
    return value


def _within(value: Mapping[str, Any]) -> Any:
    """The messages that an object holds, after the system turn that it has beside them."""
    key = next((key for key in WITHIN if key in value), None)
    if key is None:
        return _zipped(value) if value else None
    found = _parsed(value[key])
    if isinstance(found, dict):
        found = _zipped({_shown(name): one for name, one in found.items()})
    system = value.get("system")
    if isinstance(system, bytes | str) and system and isinstance(found, list):
        return [{"role": "system", "content": system}, *found]
    return found


def _zipped(value: Mapping[str, Any]) -> list[Any]:
    """The messages of an object that holds a list for each of their fields."""
    lists = {key: one for key, one in value.items() if isinstance(one, list)}
    if not lists.keys() & {"role", "from"}:
        raise NoChat(
            "invalid",
            f"the messages are an object of {', '.join(map(_shown, value)) or 'nothing'}, and not "
            "a list; a chat is a list of messages, or an object that holds one under `messages`",
        )
    if len({len(one) for one in lists.values()}) > 1:
        raise NoChat("invalid", "the messages are an object of lists that are not equally long")
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _shown(key: Any) -> str:
    return key.decode(errors="replace") if isinstance(key, bytes) else str(key)


def _without_nothing(value: list[Any]) -> list[Any]:
    """The messages without those at the end of which everything is null."""

    def is_nothing(one: Any) -> bool:
        fields = one.values() if isinstance(one, dict) else (one,)
        return all(field is None for field in fields)

    end = len(value)
    while end and is_nothing(value[end - 1]):
        end -= 1
    return value[:end]


def _message(number: int, value: Any) -> Message:
    """Make one turn a message.

    Raises:
        NoChat: it has no role or no content.
    """
    if isinstance(value, bytes | str):
        value = _parsed(value)
    wrong = NoChat("invalid", f"message {number} has no role and content that are valid text")
    if not isinstance(value, dict):
        raise wrong
    try:
        message = {
            str(key): one
            for key, one in as_text(value).items()
            if one is not None or key == "content"
        }
    except UnicodeError:
        raise wrong from None
    is_gpt = "role" not in message and "from" in message
    if is_gpt:
        message = {"role": message.pop("from"), "content": message.pop("value", None)} | message
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str):
        raise wrong
    if not ROLE.fullmatch(role):  # it is part of the template, and must not speak for it
        raise NoChat("invalid", f"message {number} has a role that is not one plain word")
    role = role.lower() if role.lower() in (*ROLES, *SPEAKERS) else role
    if content is None and not message.get("tool_calls"):
        raise wrong
    message["role"] = SPEAKERS.get(role, role) if is_gpt else role
    if "content" in message:
        message["content"] = _content(number, content)
    return message


def _content(number: int, content: Any) -> str | list[Message] | None:
    """Content as text, or as several parts that are text.

    Raises:
        NoChat: a part is something else.
    """
    if content is None or isinstance(content, str):
        return content
    if content == []:
        raise NoChat("invalid", f"message {number} has a content without parts")
    parts = [_part(number, one) for one in (content if isinstance(content, list) else [content])]
    return parts[0]["text"] if len(parts) == 1 else parts


def _part(number: int, part: Any) -> Message:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    kind = part.get("type", "text") if isinstance(part, dict) else type(part).__name__
    if kind != "text" or not isinstance(part.get("text"), str):
        reason = f"message {number} has a part of type {str(kind)[:40]}; only text is judged"
        raise NoChat("invalid", reason)
    return dict(part)


def _tools(value: Any) -> list[Any] | None:
    """The definitions of tools, from JSON or Arrow.

    Raises:
        NoChat: they are no list of objects.
    """
    try:
        found = as_text(_parsed(value))
    except (NoChat, UnicodeError):
        raise NoChat("invalid", "the tools are neither a list of objects nor JSON of one") from None
    if found is None or found == "":
        return None
    found = found if isinstance(found, list) else [found]
    with suppress(NoChat):
        found = [_parsed(one) for one in found]
    if not all(isinstance(one, dict) for one in found):
        raise NoChat("invalid", "the tools are neither a list of objects nor JSON of one")
    return list(found)
