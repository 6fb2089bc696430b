"""Makes messages, as chat templates take them, of the many shapes in which corpora hold chats.

A chat is a list of messages. Each message is a mapping with `role`, `content` and any other fields
of the corpus (`tool_calls`, `reasoning_content`, `name`, ...). Corpora hold chats as Arrow lists of
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
    """A Chat is one chat of a corpus."""

    messages: list[Message]
    """The turns, in order."""
    tools: list[Any] | None = None
    """Definitions of the tools that the assistant may call; None if the corpus has none."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Return the role of each turn."""
        return tuple(message["role"] for message in self.messages)


class NoChat(ValueError):
    """Raised for a value that is not a chat."""

    def __init__(self, status: str, reason: str) -> None:
        """Keep the status of the value's row, and why it is not a chat."""
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass
class Chats:
    """Chats holds the chats of a column; the three lists have one entry per row."""

    chats: list[Chat | None] = field(default_factory=list)
    """The chat of each row; None if the row has none."""
    statuses: list[str] = field(default_factory=list)
    """The status of each row before it is judged."""
    errors: list[str | None] = field(default_factory=list)
    """Why a status is not `ok`."""

    def add(self, chat: Chat | None, status: str = "ok", error: str | None = None) -> None:
        """Add one row."""
        self.chats.append(chat)
        self.statuses.append(status)
        self.errors.append(error)


def read_chats(
    column: pa.Array | pa.ChunkedArray, tools: pa.Array | pa.ChunkedArray | None
) -> Chats:
    """Read the chats of a column; a row that is not a chat spoils no other row.

    Args:
        column: the chats.
        tools: the column of the chats' tools, as lists of structs or JSON; None if there is none.
    """
    chats = Chats()
    # Arrow gives each struct every field, so null fields are removed; nulls within JSON stay
    values = [without_nulls(value) for value in plain_values(column)]
    no_tools = [None] * len(values)
    definitions = no_tools if tools is None else list(map(without_nulls, plain_values(tools)))
    for value, definition in zip(values, definitions, strict=True):
        try:
            chats.add(_chat(value, definition))
        except NoChat as error:
            chats.add(None, error.status, error.reason)
        except RecursionError:
            chats.add(None, "invalid", TOO_DEEP)
    return chats


def _chat(value: Any, tools: Any) -> Chat:
    """Make a chat of one value.

    Args:
        value: the value of the column of chats.
        tools: the value of the column of tools; None if there is none.

    Raises:
        NoChat: the value is not a chat.
    """
    value = _parsed(value)
    if isinstance(value, dict):
        value = {_shown(key): field for key, field in value.items()}
        tools = tools if tools is not None else value.get("tools")
        value = _within(value)
    if not value:
        raise NoChat("empty", "there are no messages")
    if not isinstance(value, list):
        raise NoChat("invalid", "the messages are not a list")
    value = _without_nulls_at_end(value)
    if not value:
        raise NoChat("empty", "there are no messages")
    messages = [_message(number, turn) for number, turn in enumerate(value, 1)]
    if messages[-1]["role"] != "assistant":
        raise NoChat(
            "invalid", f"the last turn is the {messages[-1]['role']}'s, not the assistant's"
        )
    return Chat(messages, _tools(tools))


def _parsed(value: Any) -> Any:
    """Parse a value that is JSON, and JSON that is a string of JSON; return others unchanged.

    Raises:
        NoChat: the value is a text that is not JSON.
    """
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
    """Return the messages that an object holds, after the system turn that it has beside them."""
    key = next((key for key in WITHIN if key in value), None)
    if key is None:
        return _zipped(value) if value else None
    messages = _parsed(value[key])
    if isinstance(messages, dict):
        messages = _zipped({_shown(name): field for name, field in messages.items()})
    system = value.get("system")
    if isinstance(system, bytes | str) and system and isinstance(messages, list):
        return [{"role": "system", "content": system}, *messages]
    return messages


def _zipped(value: Mapping[str, Any]) -> list[Any]:
    """Return the messages of an object that holds one list per field of the messages.

    Raises:
        NoChat: the object holds no such lists, or they differ in length.
    """
    lists = {key: field for key, field in value.items() if isinstance(field, list)}
    if not lists.keys() & {"role", "from"}:
        raise NoChat(
            "invalid",
            f"the messages are an object of {', '.join(map(_shown, value)) or 'nothing'}, and not "
            "a list; a chat is a list of messages, or an object that holds one under `messages`",
        )
    if len({len(values) for values in lists.values()}) > 1:
        raise NoChat("invalid", "the messages are an object of lists that are not equally long")
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _shown(key: Any) -> str:
    """Return a key as text."""
    return key.decode(errors="replace") if isinstance(key, bytes) else str(key)


def _without_nulls_at_end(value: list[Any]) -> list[Any]:
    """Drop the messages at the end that are null, or have only null fields."""

    def is_null(message: Any) -> bool:
        fields = message.values() if isinstance(message, dict) else (message,)
        return all(field is None for field in fields)

    end = len(value)
    while end and is_null(value[end - 1]):
        end -= 1
    return value[:end]


def _message(number: int, value: Any) -> Message:
    """Make a message of one turn.

    Args:
        number: the turn's number, from 1, for error texts.
        value: the turn.

    Raises:
        NoChat: the turn has no valid role, or no content.
    """
    if isinstance(value, bytes | str):
        value = _parsed(value)
    wrong = NoChat("invalid", f"message {number} has no role and content that are valid text")
    if not isinstance(value, dict):
        raise wrong
    try:
        message = {
            str(key): field
            for key, field in as_text(value).items()
            if field is not None or key == "content"
        }
    except UnicodeError:
        raise wrong from None
    is_gpt = "role" not in message and "from" in message
    if is_gpt:
        message = {"role": message.pop("from"), "content": message.pop("value", None)} | message
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str):
        raise wrong
    if not ROLE.fullmatch(role):  # templates write roles as they are, so no markup may hide in one
        raise NoChat("invalid", f"message {number} has a role that is not one plain word")
    role = role.lower() if role.lower() in (*ROLES, *SPEAKERS) else role
    if content is None and not message.get("tool_calls"):
        raise wrong
    message["role"] = SPEAKERS.get(role, role) if is_gpt else role
    if "content" in message:
        message["content"] = _content(number, content)
    return message


def _content(number: int, content: Any) -> str | list[Message] | None:
    """Return a message's content as text, or as a list of several text parts.

    Raises:
        NoChat: a part is not text, or there are no parts.
    """
    if content is None or isinstance(content, str):
        return content
    if content == []:
        raise NoChat("invalid", f"message {number} has a content without parts")
    parts = [_part(number, part) for part in (content if isinstance(content, list) else [content])]
    return parts[0]["text"] if len(parts) == 1 else parts


def _part(number: int, part: Any) -> Message:
    """Return one part of a content as a mapping of `type` and `text`."""
    if isinstance(part, str):
        return {"type": "text", "text": part}
    kind = part.get("type", "text") if isinstance(part, dict) else type(part).__name__
    if kind != "text" or not isinstance(part.get("text"), str):
        reason = f"message {number} has a part of type {str(kind)[:40]}; only text is judged"
        raise NoChat("invalid", reason)
    return dict(part)


def _tools(value: Any) -> list[Any] | None:
    """Return the definitions of tools, from JSON or Arrow; None if there are none.

    Raises:
        NoChat: they are not a list of objects.
    """
    try:
        tools = as_text(_parsed(value))
    except (NoChat, UnicodeError):
        raise NoChat("invalid", "the tools are neither a list of objects nor JSON of one") from None
    if tools is None or tools == "":
        return None
    tools = tools if isinstance(tools, list) else [tools]
    with suppress(NoChat):
        tools = [_parsed(tool) for tool in tools]
    if not all(isinstance(tool, dict) for tool in tools):
        raise NoChat("invalid", "the tools are neither a list of objects nor JSON of one")
    return list(tools)
