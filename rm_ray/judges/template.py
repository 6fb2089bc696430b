"""Chat templates: what stands around the turns of a chat, whatever the turns say.

A template is rendered with marks in place of what was said, so that nothing in a document can speak
for it; where the marks were, contents are tokenised as plain text. What stands around them is
tokenised with its special tokens, together with the text that touches it, as the model's authors'
own tokenizer does.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from rm_ray.errors import JudgeError, first_line
from rm_ray.judges.tokens import encode, load_plain, load_tokenizer, split_special

# What stands for the content of a turn while a template is rendered; letters alone, so that no
# template cuts, escapes or splits it.
MARK = "zqTURN{}TURNqz"
FOUND = re.compile(r"( ?)zqTURN(\d+)TURNqz( ?)")
DATE = "%d %b %Y"

# A special token's id, or text in which turns stand by their number: (number, trimmed).
Turn = tuple[int, bool]
Piece = int | tuple[str | Turn, ...]


class Unfit(ValueError):
    """A chat that the template does not show."""


@dataclass(frozen=True)
class ChatTemplate:
    """A model's way of writing chats.

    `source`: Jinja. `special_tokens`: by the names that it knows them by. `date`: shown as today's.
    `tokenizer_json`: with the added tokens.
    """

    source: str
    special_tokens: tuple[tuple[str, str], ...]
    date: str
    tokenizer_json: str

    @classmethod
    def of(
        cls, source: str, special_tokens: Mapping[str, str], date: str, tokenizer_json: str
    ) -> "ChatTemplate":
        """A template, tried on a chat.

        Raises:
            JudgeError: it cannot be rendered, or the tokenizer does not split at special tokens.
        """
        found = cls(source, tuple(sorted(special_tokens.items())), date, tokenizer_json)
        said = ["What is it?", "It is this."]
        try:
            datetime.strptime(date, DATE)
            pieces = found.pieces(("user", "assistant"))
        except ValueError as error:
            raise JudgeError(f"judge.chat: {first_line(error)}") from None
        ids = [i for piece in filled(pieces, said) for i in _ids_of(piece, tokenizer_json)]
        text = _render(found, [("user", said[0]), ("assistant", said[1])])
        if ids != load_tokenizer(tokenizer_json).encode(text, add_special_tokens=False).ids:
            raise JudgeError(
                "judge.chat: this tokenizer does not split its text at special tokens, so what a "
                "document says could not be kept apart from the template"
            )
        return found

    def pieces(self, roles: tuple[str, ...]) -> tuple[Piece, ...]:
        """What a chat of these roles is made of.

        Raises:
            Unfit: the template refuses such a chat, or does not show every turn once, in order.
        """
        return _pieces(self, roles)

    @property
    def digest(self) -> str:
        """Its content in a few letters."""
        return f"sha256:{hashlib.sha256(self.source.encode()).hexdigest()[:16]}"


def filled(pieces: Sequence[Piece], said: Sequence[str]) -> list[int | str]:
    """The pieces with what was said in its places: special tokens' ids, and texts between them."""

    def content(part: str | Turn) -> str:
        if isinstance(part, str):
            return part
        number, trimmed = part
        return said[number].strip() if trimmed else said[number]

    return [one if isinstance(one, int) else "".join(map(content, one)) for one in pieces]


def _ids_of(piece: int | str, tokenizer_json: str) -> list[int]:
    if isinstance(piece, int):
        return [piece]
    return encode(load_plain(tokenizer_json), piece)


@lru_cache(maxsize=1024)
def _pieces(template: ChatTemplate, roles: tuple[str, ...]) -> tuple[Piece, ...]:
    marks = [(role, f" {MARK.format(i)} ") for i, role in enumerate(roles)]
    text = _render(template, marks)
    shown = [int(found[2]) for found in FOUND.finditer(text)]
    if shown != list(range(len(roles))):
        raise Unfit(f"the template does not show each of the turns {', '.join(roles)} once")
    pieces: list[Piece] = []
    run: list[str | Turn] = []

    def literal(stretch: str) -> None:
        for part in split_special(stretch, template.tokenizer_json):
            if isinstance(part, str):
                run.append(part)
                continue
            if run:
                pieces.append(tuple(run))
                run.clear()
            pieces.append(part)

    end = 0
    for found in FOUND.finditer(text):
        # a space that is there no more was trimmed, as it would be from any content
        trimmed = not (found[1] and found[3])
        literal(text[end : found.start()])
        run.append((int(found[2]), trimmed))
        end = found.end()
    literal(text[end:])
    return (*pieces, tuple(run)) if run else tuple(pieces)


def _render(template: ChatTemplate, turns: Sequence[tuple[str, str]]) -> str:
    from transformers.utils.chat_template_utils import render_jinja_template

    messages = [{"role": role, "content": content} for role, content in turns]
    today = datetime.strptime(template.date, DATE)
    try:
        rendered, _ = render_jinja_template(
            conversations=[messages],
            chat_template=template.source,
            date_string=template.date,
            strftime_now=today.strftime,
            **dict(template.special_tokens),
        )
    except Exception as error:  # noqa: BLE001 - a template may raise whatever it likes
        raise Unfit(f"the template refuses it: {first_line(error)}") from None
    return str(rendered[0])
