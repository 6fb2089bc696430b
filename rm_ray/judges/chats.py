"""Tokenises documents that are chats, or are shown as chats."""

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
    """ChatTokenizer makes token ids of whole chats, special tokens included.

    A document is a list of messages, or a prompt and a completion, or a text. A text becomes an
    assistant's turn after a constant turn of the user.
    """

    names: tuple[str, ...]
    """The columns that hold documents: one of messages, one of texts, or a prompt's and a
    completion's."""
    messages: bool
    """True if the column holds messages."""
    template: ChatTemplate
    """Renders the chats."""
    user: str
    """The constant turn of the user."""
    tools: str | None = None
    """The column of the definitions of tools, beside the messages; None if there is none."""
    fast: bool = False
    """True to encode by fastokens."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns that it reads."""
        return (*self.names, self.tools) if self.tools else self.names

    @property
    def plain_tokenizers(self) -> tuple[str, ...]:
        """Return the tokenizer of a chat's first text, and that of texts after special tokens."""
        json = self.template.tokenizer_json
        return plain_json(json), after_special_json(json)

    def tokenize(self, columns: Mapping[str, pa.Array]) -> Tokenized:
        """Tokenise each chat as its template shows it; other rows get no ids and another status."""
        chats = self._chats(columns)
        shown: list[list[int | str]] = [[] for _ in chats.chats]
        for i, chat in enumerate(chats.chats):
            if chat is None or chats.statuses[i] != "ok":
                continue
            try:
                shown[i] = self._shown(chat)
            except Unfit as error:
                chats.statuses[i], chats.errors[i] = "invalid", str(error)
            except RecursionError:
                chats.statuses[i], chats.errors[i] = "invalid", TOO_DEEP
        return Tokenized(self._ids(shown), chats.statuses, chats.errors)

    def _shown(self, chat: Chat) -> list[int | str]:
        """Render a chat as special tokens' ids and texts.

        Raises:
            Unfit: the template cannot show the chat.
        """
        for number, message in enumerate(chat.messages, 1):
            if isinstance(message.get("content"), list) and not self.template.shows_parts:
                raise Unfit(
                    f"message {number} has several parts, and the template can only show a text; "
                    "join the parts in the corpus"
                )
        return shown_parts(self.template, chat)

    def _ids(self, shown: Sequence[Sequence[int | str]]) -> list[TokenIds]:
        """Encode chats.

        All first texts of chats are encoded together, and so are all texts after special tokens.
        """
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
        """Read the chats of the columns, or make them of texts."""
        if self.messages:
            return read_chats(columns[self.names[0]], columns[self.tools] if self.tools else None)
        texts, statuses, errors = both_halves(columns, self.names)
        turns = [[self.user, *halves] if len(halves) == 1 else halves for halves in texts]
        return Chats([_chat_of(*halves) for halves in turns], statuses, errors)

    def fingerprint(self) -> dict[str, Any]:
        """Return hashes of the template and tokenizer, the constant turn, and the columns."""
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
    """Return the id of a special token, or the next encoded text's ids."""
    return np.asarray([part], np.int32) if isinstance(part, int) else next(encoded)


def chat_tokenizer(chat: ChatConfig, inputs: InputConfig, files: TokenizerFiles) -> ChatTokenizer:
    """Build the tokenizing half of a judge of chats.

    Raises:
        JudgeError: there is no template, or documents cannot be told from its own text.
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
            "this judge is asked about chats, and its tokenizer has no chat template; give the "
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
    """Make a chat of two turns."""
    turns = (("user", user), ("assistant", assistant))
    return Chat([{"role": role, "content": content} for role, content in turns])


def both_halves(
    columns: Mapping[str, pa.Array], names: Sequence[str]
) -> tuple[list[list[str]], list[str], list[str | None]]:
    """Decode one text column, or a prompt's and a completion's.

    Returns:
        Per document: its texts, one per column; the first of its statuses that is not ok; and the
        reason.
    """
    words = ("text",) if len(names) == 1 else ("prompt", "completion")
    halves = [decoded(columns[name], word) for name, word in zip(names, words, strict=True)]
    texts = [list(row) for row in zip(*(half[0] for half in halves), strict=True)]
    statuses, errors = list(halves[0][1]), list(halves[0][2])
    for _, later, reasons in halves[1:]:
        for i, status in enumerate(later):
            if statuses[i] == "ok":
                statuses[i], errors[i] = status, reasons[i]
    return texts, statuses, errors


def _joined(parts: Sequence[TokenIds]) -> TokenIds:
    """Join arrays of token ids."""
    return np.concatenate(parts) if parts else np.empty(0, np.int32)
