"""Renders chats by a model's chat template, as the model's authors do.

A template is given the real contents, because it may look into them: many templates leave out the
thoughts of earlier turns. Afterwards, `rendering` tells the document's text from the template's.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from rm_ray.errors import JudgeError, first_line
from rm_ray.judges.chat_shapes import Chat, Message
from rm_ray.judges.encoding import encode, load_after_special, load_plain, load_tokenizer
from rm_ray.judges.plain import special_tokens, split_special

log = logging.getLogger(__name__)

DATE = "%d %b %Y"
# The content of the N-th turn of a chat on which a template is tried. It is one word of letters and
# a digit, so that no template cuts, escapes or splits it.
MARK = "zqTURN{}TURNqz"
THINK = "<think>"


class Unfit(ValueError):
    """Raised for a chat that the template cannot show."""


@dataclass(frozen=True)
class ChatTemplate:
    """A ChatTemplate renders chats as text, in the way that a model expects."""

    source: str
    """The template, in Jinja."""
    special_tokens: tuple[tuple[str, str], ...]
    """Pairs of the name that the template uses, for example bos_token, and the special token."""
    date: str
    """The date that the template shows as today's, for example 26 Jul 2024."""
    tokenizer_json: str
    """The tokenizer with its special tokens, as JSON."""
    tool_source: str | None = None
    """The template for chats with tools, in Jinja; None if the tokenizer has no separate one."""
    shows_parts: bool = False
    """True if a content may be a list of parts."""

    @classmethod
    def of(
        cls,
        source: str,
        special_tokens: Mapping[str, str],
        date: str,
        tokenizer_json: str,
        tool_source: str | None = None,
    ) -> "ChatTemplate":
        """Build a template, and try it on a chat of a user and an assistant.

        Raises:
            JudgeError: the template cannot be rendered or does not show every turn once, the date
                is not valid, or the tokenizer does not split text at special tokens.
        """
        try:
            datetime.strptime(date, DATE)
        except ValueError:
            raise JudgeError(f"judge.chat.date is {date!r}; write it as 26 Jul 2024") from None
        names = tuple(sorted(special_tokens.items()))
        template = cls(
            source=source,
            special_tokens=names,
            date=date,
            tokenizer_json=tokenizer_json,
            tool_source=tool_source,
        )
        try:
            text = template.render(_tried("What is it?", "It is this."))
            _between_turns(template)
        except Unfit as error:
            raise JudgeError(
                f"judge.chat: tried on a chat of a user and an assistant, {error}"
            ) from None
        if ids_of(split_special(text, tokenizer_json), tokenizer_json) != encode(
            load_tokenizer(tokenizer_json), text
        ):
            raise JudgeError(
                "judge.chat: this tokenizer does not split its text at special tokens, so a "
                "document's text could not be told from the template's"
            )
        return replace(template, shows_parts=_shows_parts(template))

    def source_for(self, chat: Chat) -> str:
        """Return the Jinja source for a chat: as in transformers, another one if it has tools."""
        return self.tool_source if self.tool_source and chat.tools is not None else self.source

    def render(self, chat: Chat, source: str | None = None, *, opens_answer: bool = False) -> str:
        """Render a chat as the model's authors do.

        Args:
            chat: the chat.
            source: Jinja to use instead of the template's own.
            opens_answer: end with the beginning of an assistant's turn.

        Raises:
            Unfit: the template refuses the chat.
        """
        from transformers.utils.chat_template_utils import render_jinja_template

        today = datetime.strptime(self.date, DATE)
        try:
            rendered, _ = render_jinja_template(
                conversations=[chat.messages],
                tools=chat.tools,
                chat_template=source or self.source_for(chat),
                add_generation_prompt=opens_answer,
                date_string=self.date,
                strftime_now=today.strftime,
                **dict(self.special_tokens),
            )
        except Exception as error:  # noqa: BLE001 - a template may raise whatever it likes
            raise Unfit(f"the template refuses it: {first_line(error)}") from None
        return str(rendered[0])

    @property
    def digest(self) -> str:
        """Return a short hash of the template's source and of a rendered chat of two turns."""
        rendered = self.render(_tried("What is it?", "It is this."))
        hashed = f"{self.source}{self.tool_source or ''}{rendered}"
        return f"sha256:{hashlib.sha256(hashed.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class AssistantTurn:
    """AssistantTurn describes how a template writes an assistant's turn after a user's."""

    headers: tuple[tuple[int, ...], ...] = ()
    """The tokens between the two turns, in up to three forms: all of them; those up to <think>, if
    the template writes thoughts there, since a turn may have longer ones; and those without white
    space at the end, since this may merge with the turn's text. Empty if they hold no special
    token, because a document's text could then look the same."""
    tail: tuple[int, ...] = ()
    """The tokens after the assistant's turn."""
    turn_tokens: frozenset[int] = frozenset()
    """The special tokens of the first header and the tail, except those that enclose thoughts."""


def assistant_turn(template: ChatTemplate) -> AssistantTurn:
    """Find the tokens between a user's turn and the assistant's, and after the assistant's."""
    between, end = _between_turns(template)
    special = special_tokens(template.tokenizer_json)
    opened, thinks, _ = between.partition(THINK)
    texts = dict.fromkeys((between, opened + thinks, opened.rstrip()))
    headers = dict.fromkeys(_header(text, template) for text in texts)
    headers.pop((), None)
    if not headers:
        return AssistantTurn()
    ids = ids_of([0, *split_special(end, template.tokenizer_json)], template.tokenizer_json)
    tail = tuple(ids[1:])
    thoughts = {special.ids.get(THINK), special.ids.get(THINK.replace("<", "</"))}
    turn_tokens = {*next(iter(headers)), *tail} & set(special.ids.values())
    return AssistantTurn(tuple(headers), tail, frozenset(turn_tokens - thoughts))


def _header(text: str, template: ChatTemplate) -> tuple[int, ...]:
    """Return the tokens of a text from its first special token on; empty if it has none."""
    parts = split_special(text, template.tokenizer_json)
    first = next((i for i, part in enumerate(parts) if isinstance(part, int)), None)
    return () if first is None else tuple(ids_of(parts[first:], template.tokenizer_json))


def ids_of(parts: Sequence[int | str], tokenizer_json: str) -> list[int]:
    """Encode special tokens and the texts between them.

    Args:
        parts: ids of special tokens, and texts.
        tokenizer_json: the tokenizer with its special tokens.
    """
    ids: list[int] = []
    for number, part in enumerate(parts):
        if isinstance(part, int):
            ids.append(part)
        else:
            load = load_after_special if number else load_plain
            ids += encode(load(tokenizer_json), part)
    return ids


def _tried(user: str, assistant: Any) -> Chat:
    """Make a chat of two turns on which to try a template."""
    return Chat([_says("user", user), _says("assistant", assistant)])


def _says(role: str, content: Any, **fields: Any) -> Message:
    """Make a message; `fields` are its other fields."""
    return {"role": role, "content": content, **fields}


def _between_turns(template: ChatTemplate) -> tuple[str, str]:
    """Return the text between a user's turn and the assistant's, and the text after both.

    Raises:
        Unfit: the template does not show each turn once, in order.
    """
    user, assistant = MARK.format(0), MARK.format(1)
    text = template.render(_tried(user, assistant))
    if (
        text.count(user) != 1
        or text.count(assistant) != 1
        or text.index(user) > text.index(assistant)
    ):
        raise Unfit("the template does not show the user's turn and the assistant's turn once each")
    between, after = text.partition(user)[2].split(assistant)
    return between, after


def _shows_parts(template: ChatTemplate) -> bool:
    """Return True if the template shows a list of one text part as it shows that text itself."""
    parts = [{"type": "text", "text": "It is this."}]
    try:
        of_parts = template.render(_tried("What is it?", parts))
    except Unfit:
        return False
    return of_parts == template.render(_tried("What is it?", "It is this."))


CALL = {"type": "function", "function": {"name": MARK.format(2), "arguments": {"a": "b"}}}
TOOL = {
    "type": "function",
    "function": {"name": MARK.format(2), "description": "d", "parameters": {"type": "object"}},
}
_ASKS, _ANSWERS = _says("user", MARK.format(0)), _says("assistant", MARK.format(1))
_REASONS = _says("assistant", MARK.format(1), reasoning_content=MARK.format(2))
_THINKS = _says("assistant", f"<think>\n{MARK.format(2)}\n</think>\n\nYes.")
_CALLS = _says("assistant", "", tool_calls=[CALL])
# The kinds of content that chats may hold besides a user's and an assistant's turns. By kind: the
# number of the mark that shows that the template rendered it, and a chat that holds it.
TRIED: dict[str, tuple[int, Chat]] = {
    "a system turn": (2, Chat([_says("system", MARK.format(2)), _ASKS, _ANSWERS])),
    "two turns of the user in a row": (2, Chat([_ASKS, _says("user", MARK.format(2)), _ANSWERS])),
    "thoughts in reasoning_content": (2, Chat([_ASKS, _REASONS])),
    "thoughts of earlier turns": (2, Chat([_ASKS, _THINKS, _ASKS, _ANSWERS])),
    "tool calls": (2, Chat([_ASKS, _CALLS, _says("tool", "t"), _ANSWERS])),
    "answers of tools": (2, Chat([_ASKS, _CALLS, _says("tool", MARK.format(2)), _ANSWERS])),
    "definitions of tools": (2, Chat([_ASKS, _ANSWERS], [TOOL])),
}


def not_taken(template: ChatTemplate) -> dict[str, str]:
    """Find the kinds of content that a template refuses or does not show.

    Returns:
        By the kind of content: why the template refuses it, or "left out".
    """
    reasons: dict[str, str] = {}
    for kind, (mark, chat) in TRIED.items():
        try:
            text = template.render(chat)
        except Unfit as error:
            reasons[kind] = str(error).partition(": ")[2] or str(error)
            continue
        if MARK.format(mark) not in text:
            reasons[kind] = "left out"
    return reasons


def say_not_taken(template: ChatTemplate) -> None:
    """Log the kinds of content that the template refuses, and those that it leaves out."""
    reasons = not_taken(template)
    refused = [f"{kind} ({why})" for kind, why in reasons.items() if why != "left out"]
    left_out = [kind for kind, why in reasons.items() if why == "left out"]
    if refused:
        log.info(
            "the chat template refuses: %s; chats that hold these get the status `invalid`",
            "; ".join(refused),
        )
    if left_out:
        log.info(
            "the chat template leaves out: %s; chats are judged without these, as the template's "
            "authors chose",
            ", ".join(left_out),
        )
