"""Documents that are chats, or are shown as one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rm_ray.config import InputConfig
from rm_ray.errors import JudgeError, short
from rm_ray.judges.chat_shapes import TOO_DEEP, Chat, Chats, read_chats
from rm_ray.judges.encoding import after_special_json, plain_json
from rm_ray.judges.fast_encoding import encode_documents
from rm_ray.judges.judge import TokenIds, Tokenized
from rm_ray.judges.keys import ChatConfig
from rm_ray.judges.rendering import shown_parts
from rm_ray.judges.template import ChatTemplate, Unfit, say_not_taken
from rm_ray.judges.text import decoded
from rm_ray.judges.tokens import TokenizerFiles, tokenizer_digest


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
    tools: str | None = None
    """The column with the definitions of tools beside the messages, where there is one."""
    fast: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of documents."""
        return (*self.names, self.tools) if self.tools else self.names

    @property
    def plain_tokenizers(self) -> tuple[str, ...]:
        """Return the tokenizers of a chat's first text and of texts behind special tokens."""
        json = self.template.tokenizer_json
        return plain_json(json), after_special_json(json)

    def tokenize(self, columns: Mapping[str, pa.Array]) -> Tokenized:
        """Tokenise each chat as its template shows it; what is no chat gets another status."""
        found = self._chats(columns)
        shown: list[list[int | str]] = [[] for _ in found.chats]
        for i, chat in enumerate(found.chats):
            if chat is None or found.statuses[i] != "ok":
                continue
            try:
                shown[i] = self._shown(chat)
            except Unfit as error:
                found.statuses[i], found.errors[i] = "invalid", str(error)
            except RecursionError:
                found.statuses[i], found.errors[i] = "invalid", TOO_DEEP
        return Tokenized(self._ids(shown), found.statuses, found.errors)

    def _shown(self, chat: Chat) -> list[int | str]:
        for number, message in enumerate(chat.messages, 1):
            if isinstance(message.get("content"), list) and not self.template.shows_parts:
                raise Unfit(
                    f"message {number} has several parts, and the template shows texts; join them "
                    "in the corpus"
                )
        return shown_parts(self.template, chat)

    def _ids(self, shown: Sequence[Sequence[int | str]]) -> list[TokenIds]:
        """Token ids of chats; all texts of a kind are encoded together."""
        kinds = dict(zip((True, False), self.plain_tokenizers, strict=True))
        texts: dict[bool, list[str]] = {True: [], False: []}
        for parts in shown:
            for number, part in enumerate(parts):
                if isinstance(part, str):
                    texts[number == 0].append(part)
        encoded = {
            first: iter(encode_documents(kinds[first], texts[first], fast=self.fast))
            for first in kinds
        }
        return [
            _joined([_part_ids(part, encoded[i == 0]) for i, part in enumerate(parts)])
            for parts in shown
        ]

    def _chats(self, columns: Mapping[str, pa.Array]) -> Chats:
        if self.messages:
            return read_chats(columns[self.names[0]], columns[self.tools] if self.tools else None)
        texts, statuses, errors = both_halves(columns, self.names)
        turns = [[self.user, *said] if len(said) == 1 else said for said in texts]
        return Chats([_chat_of(*said) for said in turns], statuses, errors)

    def fingerprint(self) -> dict[str, Any]:
        """Template, date, tokenizer and columns."""
        kinds = {1: "input.messages" if self.messages else "input.text", 2: "input.prompt"}
        return {
            "tokenizer": tokenizer_digest(self.template.tokenizer_json),
            "chat template": self.template.digest,
            "judge.chat.user": None if self.messages or len(self.names) > 1 else self.user,
            kinds[len(self.names)]: self.names[0],
            **({"input.completion": self.names[1]} if len(self.names) > 1 else {}),
            **({"input.tools": self.tools} if self.tools else {}),
        }


def _part_ids(part: int | str, encoded: Iterator[TokenIds]) -> TokenIds:
    """A special token is its own id. A text takes the next ids of those that are encoded."""
    return np.asarray([part], np.int32) if isinstance(part, int) else next(encoded)


def chat_tokenizer(chat: ChatConfig, inputs: InputConfig, files: TokenizerFiles) -> ChatTokenizer:
    """The tokenizing half of a judge of chats.

    Raises:
        JudgeError: there is no template, or not one that keeps documents apart from it.
    """
    source, tool_source = files.chat_template, files.tool_template
    if chat.template:
        tool_source = None
        try:
            source = Path(chat.template).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise JudgeError(f"judge.chat.template: cannot read it: {short(error)}") from None
    if not source:
        raise JudgeError(
            "the judge is asked with chats, and its tokenizer has no chat template; give the "
            "model's own as --judge.chat.template FILE (Jinja)"
        )
    template = ChatTemplate.of(
        source,
        files.special_tokens,
        date=chat.date,
        tokenizer_json=files.json,
        tool_source=tool_source,
    )
    if inputs.messages:
        say_not_taken(template)
        return ChatTokenizer(
            names=(inputs.messages,),
            messages=True,
            template=template,
            user=chat.user,
            tools=inputs.tools,
        )
    names = tuple(inputs.documents.values())
    return ChatTokenizer(names=names, messages=False, template=template, user=chat.user)


def _chat_of(user: str, assistant: str) -> Chat:
    said = (("user", user), ("assistant", assistant))
    return Chat([{"role": role, "content": content} for role, content in said])


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


def _joined(parts: Sequence[TokenIds]) -> TokenIds:
    return np.concatenate(parts) if parts else np.empty(0, np.int32)
