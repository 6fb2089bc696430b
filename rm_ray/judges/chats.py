"""Documents that are chats, or are shown as one."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.config import InputConfig
from rm_ray.errors import JudgeError, first_line, short
from rm_ray.judges.judge import TokenIds, Tokenized
from rm_ray.judges.keys import ChatConfig
from rm_ray.judges.template import ChatTemplate, Unfit, filled
from rm_ray.judges.text import as_bytes, decoded
from rm_ray.judges.tokens import (
    TokenizerFiles,
    encode_all,
    load_plain,
    tokenizer_digest,
)

# A chat: roles, and what each of them said.
Chat = tuple[tuple[str, ...], list[str]]
ROLE = re.compile("[A-Za-z][A-Za-z0-9_-]{0,31}")


@dataclass(frozen=True)
class ChatTokenizer:
    """Token ids of whole chats, special tokens included.

    A document is a column of messages, or a prompt and a completion, or a text: an assistant's turn
    after the constant `user`. `names`: these columns. `unread`: a token that does not count where a
    chat ends in it.
    """

    names: tuple[str, ...]
    messages: bool
    template: ChatTemplate
    user: str
    unread: int | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of documents."""
        return self.names

    def tokenize(self, columns: Mapping[str, pa.Array]) -> Tokenized:
        """What is no chat gets no ids and a status that says so."""
        chats, statuses, errors = self._chats(columns)
        texts: list[str] = []
        plans: list[list[int | None]] = []
        pieces_of = cache(self.template.pieces)
        for i, chat in enumerate(chats):
            plan: list[int | None] = []
            if statuses[i] == "ok" and chat:
                try:
                    pieces = filled(pieces_of(chat[0]), chat[1])
                except Unfit as error:
                    statuses[i], errors[i] = "invalid", str(error)
                    pieces = []
                plan = [one if isinstance(one, int) else None for one in pieces]
                texts += [one for one in pieces if isinstance(one, str)]
            plans.append(plan)
        encoded = iter(encode_all(load_plain(self.template.tokenizer_json), texts))
        ids = [
            _joined([next(encoded) if one is None else np.asarray([one], np.int32) for one in plan])
            for plan in plans
        ]
        return Tokenized([self._without_unread(one) for one in ids], statuses, errors)

    def _without_unread(self, ids: TokenIds) -> TokenIds:
        while len(ids) and ids[-1] == self.unread:
            ids = ids[:-1]
        return ids

    def _chats(
        self, columns: Mapping[str, pa.Array]
    ) -> tuple[list[Chat | None], list[str], list[str | None]]:
        if self.messages:
            found = [_chat(value) for value in _messages(columns[self.names[0]])]
            return [f[0] for f in found], [f[1] for f in found], [f[2] for f in found]
        texts, statuses, errors = both_halves(columns, self.names)
        turns = [[self.user, *said] if len(said) == 1 else said for said in texts]
        return [(("user", "assistant"), said) for said in turns], statuses, errors

    def fingerprint(self) -> dict[str, Any]:
        """Template, date, tokenizer and columns."""
        kinds = {1: "input.messages" if self.messages else "input.text", 2: "input.prompt"}
        return {
            "tokenizer": tokenizer_digest(self.template.tokenizer_json),
            "chat template": self.template.digest,
            "judge.chat.user": None if self.messages or len(self.names) > 1 else self.user,
            kinds[len(self.names)]: self.names[0],
            **({"input.completion": self.names[1]} if len(self.names) > 1 else {}),
        }


def chat_tokenizer(
    chat: ChatConfig, inputs: InputConfig, files: TokenizerFiles, unread: int | None = None
) -> ChatTokenizer:
    """The tokenizing half of a judge of chats. `unread`: see ChatTokenizer.

    Raises:
        JudgeError: there is no template, or not one that keeps documents apart from it.
    """
    source = files.chat_template
    if chat.template:
        try:
            source = Path(chat.template).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise JudgeError(f"judge.chat.template: cannot read it: {short(error)}") from None
    if not source:
        raise JudgeError(
            "the judge is asked with chats, and its tokenizer has no chat template; give the "
            "model's own as --judge.chat.template FILE (Jinja)"
        )
    template = ChatTemplate.of(source, files.special_tokens, chat.date, files.json)
    names = tuple(inputs.documents.values())
    return ChatTokenizer(names, inputs.messages is not None, template, chat.user, unread)


def both_halves(
    columns: Mapping[str, pa.Array], names: Sequence[str]
) -> tuple[list[list[str]], list[str], list[str | None]]:
    """Each document's texts, one a column, with the first status that is not ok, and why."""
    words = ("text",) if len(names) == 1 else ("prompt", "completion")
    halves = [decoded(columns[name], what) for name, what in zip(names, words, strict=True)]
    texts = [list(said) for said in zip(*(half[0] for half in halves), strict=True)]
    statuses, errors = list(halves[0][1]), list(halves[0][2])
    for _, later, reasons in halves[1:]:
        for i, status in enumerate(later):
            if statuses[i] == "ok":
                statuses[i], errors[i] = status, reasons[i]
    return texts, statuses, errors


def _messages(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Each chat as JSON, or as a list of pairs of role and content; whatever else a message has is
    left alone. Strings are bytes, which need not be valid: a bad one must cost only itself.
    """
    if isinstance(column, pa.ChunkedArray):
        return [chat for chunk in column.chunks for chat in _messages(chunk)]
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return list(as_bytes(column).to_pylist())
    turns = column.values
    halves = [as_bytes(pc.struct_field(turns, name)).to_pylist() for name in ("role", "content")]
    pairs = list(zip(*halves, strict=True))
    ends = column.offsets.to_pylist()
    return [
        pairs[start:stop] if valid else None
        for start, stop, valid in zip(ends, ends[1:], column.is_valid().to_pylist(), strict=False)
    ]


def _chat(value: Any) -> tuple[Chat | None, str, str | None]:
    """A chat, with the status that it has before it is judged and why."""
    if isinstance(value, bytes) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            return None, "invalid", f"the messages are not JSON: {first_line(error)}"
    if not value and not isinstance(value, dict):
        return None, "empty", "there are no messages"
    if not isinstance(value, list):
        return None, "invalid", "the messages are not a list"
    roles, said = [], []
    for i, message in enumerate(value, 1):
        if isinstance(message, dict):
            message = message.get("role"), message.get("content")
        role, content = map(_text, message) if isinstance(message, tuple) else (None, None)
        if role is None or content is None:
            return None, "invalid", f"message {i} has no role and content that are valid text"
        if not ROLE.fullmatch(role):  # it is part of the template, and must not speak for it
            return None, "invalid", f"message {i} has a role that is not one plain word"
        roles.append(role)
        said.append(content)
    if roles[-1] != "assistant":
        return None, "invalid", f"the last turn is the {roles[-1]}'s, not the assistant's"
    return (tuple(roles), said), "ok", None


def _text(value: Any) -> str | None:
    """A string that is valid Unicode: JSON can spell halves of characters."""
    try:
        if isinstance(value, bytes):
            return value.decode()
        return value.encode().decode() if isinstance(value, str) else None
    except UnicodeError:
        return None


def _joined(parts: Sequence[TokenIds]) -> TokenIds:
    return np.concatenate(parts) if parts else np.empty(0, np.int32)
