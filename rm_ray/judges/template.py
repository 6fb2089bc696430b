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
FOUND = re.compile(r"zqTURN(\d+)TURNqz")
# Around a mark, white space by which it shows what a template trims: nothing, lines' ends, or all.
BEFORE, AFTER = "\n ", " \n"
WHITE = ""
LEFT: dict[str, str | None] = {BEFORE: None, " ": "\n", "": WHITE}
RIGHT: dict[str, str | None] = {AFTER: None, " ": "\n", "": WHITE}
DATE = "%d %b %Y"


@dataclass(frozen=True)
class Turn:
    """Where the content of a turn stands; characters that are trimmed from its ends, None for none.

    `WHITE` stands for all white space, as Python and Jinja trim it.
    """

    number: int
    left: str | None
    right: str | None

    def trimmed(self, said: str) -> str:
        """The content as the template shows it."""
        if self.left is not None:
            said = said.lstrip(self.left or None)
        return said if self.right is None else said.rstrip(self.right or None)


# A special token's id, or text in which turns stand.
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
        except ValueError:
            raise JudgeError(f"judge.chat.date is {date!r}; write it as 26 Jul 2024") from None
        try:
            pieces = found.pieces(("user", "assistant"))
        except Unfit as error:
            raise JudgeError(f"judge.chat: of a chat of a user and an assistant, {error}") from None
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
        """Its content, and what it makes of it in a chat of two turns, in a few letters."""
        shown = f"{self.source}{self.pieces(('user', 'assistant'))}"
        return f"sha256:{hashlib.sha256(shown.encode()).hexdigest()[:16]}"


def assistant_turn(template: ChatTemplate) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The tokens between a user's turn and the assistant's, and those after the assistant's.

    The first are empty if there is no special token among them: then a text could look alike.
    """
    pieces = template.pieces(("user", "assistant"))
    shown = [i for i, piece in enumerate(pieces) if not isinstance(piece, int)
             and any(isinstance(part, Turn) for part in piece)]  # fmt: skip
    if len(shown) < 2:  # both in one stretch of text
        return (), ()
    last = pieces[shown[1]]
    assert not isinstance(last, int)
    place = next(i for i, part in enumerate(last) if isinstance(part, Turn))
    header = [*pieces[shown[0] + 1 : shown[1]], last[:place]]
    tail = [last[place + 1 :], *pieces[shown[1] + 1 :]]
    return _constant(header, template), _constant(tail, template)


def _constant(pieces: Sequence[Piece], template: ChatTemplate) -> tuple[int, ...]:
    parts = (_ids_of(one, template.tokenizer_json) for one in filled(pieces, ()))
    return tuple(i for part in parts for i in part)


def filled(pieces: Sequence[Piece], said: Sequence[str]) -> list[int | str]:
    """The pieces with what was said in its places: special tokens' ids, and texts between them."""

    def content(part: str | Turn) -> str:
        return part if isinstance(part, str) else part.trimmed(said[part.number])

    return [one if isinstance(one, int) else "".join(map(content, one)) for one in pieces]


def _ids_of(piece: int | str, tokenizer_json: str) -> list[int]:
    if isinstance(piece, int):
        return [piece]
    return encode(load_plain(tokenizer_json), piece)


@lru_cache(maxsize=1024)
def _pieces(template: ChatTemplate, roles: tuple[str, ...]) -> tuple[Piece, ...]:
    literals = _literals(template, roles, "", "")
    padded = _literals(template, roles, BEFORE, AFTER)
    trims = [_trims(bare, wide, i, len(roles)) for i, (bare, wide) in
             enumerate(zip(literals, padded, strict=True))]  # fmt: skip
    pieces: list[Piece] = []
    run: list[str | Turn] = []
    for number, literal in enumerate(literals):
        for part in split_special(literal, template.tokenizer_json):
            if isinstance(part, str):
                run.append(part)
                continue
            if run:
                pieces.append(tuple(run))
                run.clear()
            pieces.append(part)
        if number < len(roles):
            run.append(Turn(number, trims[number][1], trims[number + 1][0]))
    return (*pieces, tuple(run)) if run else tuple(pieces)


def _literals(template: ChatTemplate, roles: tuple[str, ...], before: str, after: str) -> list[str]:
    """What stands between the turns, before the first and after the last.

    Raises:
        Unfit: not every turn is shown once, in order.
    """
    marks = [(role, f"{before}{MARK.format(i)}{after}") for i, role in enumerate(roles)]
    literals = FOUND.split(_render(template, marks))
    if literals[1::2] != [str(i) for i in range(len(roles))]:
        raise Unfit(f"the template does not show each of the turns {', '.join(roles)} once")
    return literals[::2]


def _trims(bare: str, padded: str, place: int, turns: int) -> tuple[str | None, str | None]:
    """What is trimmed from the end of the turn before, and from the beginning of the one after.

    Raises:
        Unfit: the template changes contents in another way.
    """
    nothing: dict[str, str | None] = {"": None}
    for end, right in (RIGHT if place else nothing).items():
        for begin, left in (LEFT if place < turns else nothing).items():
            if padded == f"{end}{bare}{begin}":
                return right, left
    raise Unfit("the template changes what turns say by more than trimming it")


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
