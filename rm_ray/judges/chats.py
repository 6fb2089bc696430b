"""Documents that are chats, or are shown as one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rm_ray.config import InputConfig
from rm_ray.errors import JudgeError, short
from rm_ray.judges.judge import TokenIds, Tokenized
from rm_ray.judges.keys import ChatConfig
from rm_ray.judges.template import ChatTemplate, Unfit, filled
from rm_ray.judges.text import decoded
from rm_ray.judges.tokens import (
    TokenizerFiles,
    encode_all,
    load_plain,
    tokenizer_digest,
)

# A chat: roles, and what each of them said.
Chat = tuple[tuple[str, ...], list[str]]


@dataclass(frozen=True)
class ChatTokenizer:
    """Token ids of whole chats, special tokens included.

    A document is a column of messages, or a prompt and a completion, or a text: an assistant's turn
    after the constant `user`. `names`: these columns.
    """

    names: tuple[str, ...]
    messages: bool
    template: ChatTemplate
    user: str

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
        return Tokenized(ids, statuses, errors)

    def _chats(
        self, columns: Mapping[str, pa.Array]
    ) -> tuple[list[Chat | None], list[str], list[str | None]]:
        if self.messages:
            column = columns[self.names[0]]
            found = [_chat(value) for value in column.cast(_as_bytes(column.type)).to_pylist()]
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
            "judge.chat.date": self.template.date,
            "judge.chat.user": None if self.messages or len(self.names) > 1 else self.user,
            kinds[len(self.names)]: self.names[0],
            **({"input.completion": self.names[1]} if len(self.names) > 1 else {}),
        }


def chat_tokenizer(chat: ChatConfig, inputs: InputConfig, files: TokenizerFiles) -> ChatTokenizer:
    """The tokenizing half of a judge of chats.

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
    return ChatTokenizer(names, inputs.messages is not None, template, chat.user)


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


def _chat(value: Any) -> tuple[Chat | None, str, str | None]:
    """A chat from a list of messages, or from JSON of one, with its status and why."""
    if isinstance(value, bytes):
        try:
            value = json.loads(value)
        except ValueError as error:
            return None, "invalid", f"the messages are not JSON: {error}"
    if value is None or value == []:
        return None, "empty", "there are no messages"
    if not isinstance(value, list):
        return None, "invalid", "the messages are not a list"
    roles, said = [], []
    for i, message in enumerate(value, 1):
        fields = message if isinstance(message, dict) else {}
        role, content = _text(fields.get("role")), _text(fields.get("content"))
        if role is None or content is None:
            return None, "invalid", f"message {i} has no role and content that are valid text"
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


def _as_bytes(kind: pa.DataType) -> pa.DataType:
    """The type with bytes for strings, which need not be valid: a bad one must cost only itself."""
    if pa.types.is_dictionary(kind):
        return _as_bytes(kind.value_type)
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(one.name, _as_bytes(one.type)) for one in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.large_list(_as_bytes(kind.value_type))
    strings = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
    return pa.large_binary() if any(is_one(kind) for is_one in strings) else kind


def _joined(parts: Sequence[TokenIds]) -> TokenIds:
    return np.concatenate(parts) if parts else np.empty(0, np.int32)
