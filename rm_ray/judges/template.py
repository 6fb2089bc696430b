"""Chat templates: a model's way of writing chats, as its authors render them.

A template is given the real contents, since it may look into them: many leave out the thoughts of
earlier turns. What a document says is kept apart from the template afterwards, in `rendering`.
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
# What stands for the content of a turn while a template is tried; letters alone, so that no
# template cuts, escapes or splits it.
MARK = "zqTURN{}TURNqz"
THINK = "<think>"


class Unfit(ValueError):
    """A chat that the template does not show."""


@dataclass(frozen=True)
class ChatTemplate:
    """A model's way of writing chats."""

    source: str
    """Jinja."""
    special_tokens: tuple[tuple[str, str], ...]
    """Special tokens by the names that the template knows them by."""
    date: str
    """The date that it shows as today's."""
    tokenizer_json: str
    """The tokenizer, with its special tokens."""
    tool_source: str | None = None
    """Jinja for chats with tools, where the tokenizer has a template of its own for these."""
    shows_parts: bool = False
    """Whether a content may be a list of parts."""

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
            JudgeError: it cannot be rendered, shows not every turn once, or the tokenizer does not
                split at special tokens.
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
            raise JudgeError(f"judge.chat: of a chat of a user and an assistant, {error}") from None
        if ids_of(split_special(text, tokenizer_json), tokenizer_json) != encode(
            load_tokenizer(tokenizer_json), text
        ):
            raise JudgeError(
                "judge.chat: this tokenizer does not split its text at special tokens, so what a "
                "document says could not be kept apart from the template"
            )
        return replace(template, shows_parts=_shows_parts(template))

    def source_for(self, chat: Chat) -> str:
        """The Jinja that shows a chat: transformers takes another one where there are tools."""
        return self.tool_source if self.tool_source and chat.tools is not None else self.source

    def render(self, chat: Chat, source: str | None = None, *, opens_answer: bool = False) -> str:
        """Render a chat as the model's authors do.

        Args:
            source: rendered in place of the template's own.
            opens_answer: end with what begins the assistant's turn.

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
        """Its content, and how it shows a chat of two turns, in a few letters."""
        tried = self.render(_tried("What is it?", "It is this."))
        shown = f"{self.source}{self.tool_source or ''}{tried}"
        return f"sha256:{hashlib.sha256(shown.encode()).hexdigest()[:16]}"


@dataclass(frozen=True)
class AssistantTurn:
    """How a template writes an assistant's turn after a user's."""

    headers: tuple[tuple[int, ...], ...] = ()
    """The tokens between the two turns: all of them; up to the thoughts that some templates write
    there, which may be a longer part of the turn; without white space at the end, which may merge
    with what the turn says. None if there is no special token: then a text could look alike."""
    tail: tuple[int, ...] = ()
    """The tokens after the assistant's turn."""
    turn_tokens: frozenset[int] = frozenset()
    """The special tokens among these, but for those of thoughts."""


def assistant_turn(template: ChatTemplate) -> AssistantTurn:
    """Find the tokens between a user's turn and the assistant's, and those after it."""
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
    found = {*next(iter(headers)), *tail} & set(special.ids.values())
    return AssistantTurn(tuple(headers), tail, frozenset(found - thoughts))


def _header(text: str, template: ChatTemplate) -> tuple[int, ...]:
    """The tokens of a text from its first special token on."""
    parts = split_special(text, template.tokenizer_json)
    first = next((i for i, part in enumerate(parts) if isinstance(part, int)), None)
    return () if first is None else tuple(ids_of(parts[first:], template.tokenizer_json))


def ids_of(parts: Sequence[int | str], tokenizer_json: str) -> list[int]:
    """Token ids of special tokens and the texts between them."""
    ids: list[int] = []
    for number, part in enumerate(parts):
        if isinstance(part, int):
            ids.append(part)
        else:
            load = load_after_special if number else load_plain
            ids += encode(load(tokenizer_json), part)
    return ids


def _tried(user: str, assistant: Any) -> Chat:
    return Chat([_says("user", user), _says("assistant", assistant)])


def _says(role: str, content: Any, **more: Any) -> Message:
    return {"role": role, "content": content, **more}


def _between_turns(template: ChatTemplate) -> tuple[str, str]:
    """What a template puts between a user's turn and the assistant's, and after that.

    Raises:
        Unfit: it does not show each of them once, in order.
    """
    user, assistant = MARK.format(0), MARK.format(1)
    text = template.render(_tried(user, assistant))
    if (
        text.count(user) != 1
        or text.count(assistant) != 1
        or text.index(user) > text.index(assistant)
    ):
        raise Unfit("the template does not show each of the turns user, assistant once")
    between, after = text.partition(user)[2].split(assistant)
    return between, after


def _shows_parts(template: ChatTemplate) -> bool:
    """Whether a content that is a list of parts is shown as the same text would be."""
    parts = [{"type": "text", "text": "It is this."}]
    try:
        one = template.render(_tried("What is it?", parts))
    except Unfit:
        return False
    return one == template.render(_tried("What is it?", "It is this."))


CALL = {"type": "function", "function": {"name": MARK.format(2), "arguments": {"a": "b"}}}
TOOL = {
    "type": "function",
    "function": {"name": MARK.format(2), "description": "d", "parameters": {"type": "object"}},
}
_ASKS, _ANSWERS = _says("user", MARK.format(0)), _says("assistant", MARK.format(1))
_REASONS = _says("assistant", MARK.format(1), reasoning_content=MARK.format(2))
_THINKS = _says("assistant", f"<think>\n{MARK.format(2)}\n</think>\n\nYes.")
_CALLS = _says("assistant", "", tool_calls=[CALL])
# What chats may hold beside a user's and an assistant's turns: the mark that shows it, and a chat.
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
    """What a template does not take or does not show, and how it came out.

    Returns:
        By the kind of content: why it is refused, or "left out".
    """
    found: dict[str, str] = {}
    for kind, (mark, chat) in TRIED.items():
        try:
            text = template.render(chat)
        except Unfit as error:
            found[kind] = str(error).partition(": ")[2] or str(error)
            continue
        if MARK.format(mark) not in text:
            found[kind] = "left out"
    return found


def say_not_taken(template: ChatTemplate) -> None:
    """Log what chats of this template may not hold, and what is not shown of them."""
    found = not_taken(template)
    refused = [f"{kind} ({why})" for kind, why in found.items() if why != "left out"]
    left_out = [kind for kind, why in found.items() if why == "left out"]
    if refused:
        log.info("the chat template refuses: %s; such chats are `invalid`", "; ".join(refused))
    if left_out:
        log.info("the chat template leaves out: %s, as its authors have it", ", ".join(left_out))
