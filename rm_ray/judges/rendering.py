"""Renders a chat, and tells the document's own text from the template's.

The special tokens of a rendered chat must all come from the template, but a document may contain
the name of any special token. There are two cases:

- No string of the chat can hold a special token's name, or help to make one. The rendered text is
  tokenised as the model's authors do it.
- Some strings can. The chat is rendered a second time, with marks around the document's text. If
  the result without the marks equals the first rendering, the marks show the document's stretches,
  and these are tokenised as plain text. If not, the strings are searched for in the rendered text.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from rm_ray.judges.chat_shapes import ROLES, Chat
from rm_ray.judges.plain import join_texts, special_tokens, split_special, strip_beside
from rm_ray.judges.template import TRIED, ChatTemplate, Unfit
from rm_ray.judges.values import strings_of, with_strings

# Marks around a stretch of a document's text, and the word that replaces the N-th tag of a
# template. They are letters and digits, so that no template trims or escapes them.
OPEN, CLOSE, TAG = "zq{0}OPENqz", "zq{0}SHUTqz", "zq{0}TAG{1}qz"
SALTS = re.compile(r"zq\d+")
# A_TAG matches a tag such as <think>. SEARCHED matches a literal by which a template's code looks
# for a tag in a document's text: the argument of a method that searches, or one side of a
# comparison. The template itself shows the tags that stand elsewhere.
A_TAG = re.compile(r"""<[^'"<>\s]+>|\[[^'"\[\]\s]+\]""")
LITERAL = r"""(?:'[^'\n]*'|"[^"\n]*")"""
SEARCHES = (
    "split|rsplit|startswith|endswith|find|rfind|index|rindex|count|partition|rpartition|"
    "removeprefix|removesuffix|replace"
)
SEARCHED = re.compile(
    rf"(?<=\.)(?:{SEARCHES})\(\s*{LITERAL}|{LITERAL}(?=\s*(?:not\s+)?in\b)|"
    rf"[!=]=\s*{LITERAL}|{LITERAL}(?=\s*[!=]=)"
)
CODE = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)


def shown_parts(template: ChatTemplate, chat: Chat) -> list[int | str]:
    """Render a chat as the ids of special tokens and the texts between them.

    Raises:
        Unfit: the template refuses the chat, or the document's text cannot be told from the
            template's.
    """
    _check_roles(template, chat)
    text = template.render(chat)
    risky = _risky_strings(template, chat)
    if not risky:
        return split_special(text, template.tokenizer_json)
    parts: list[int | str] = []
    for stretch, is_document in _stretches(template, chat, text, risky):
        parts += [stretch] if is_document else split_special(stretch, template.tokenizer_json)
    return strip_beside(join_texts(parts), special_tokens(template.tokenizer_json))


def _check_roles(template: ChatTemplate, chat: Chat) -> None:
    """Refuse an unknown role that a template could turn into a special token.

    Raises:
        Unfit: a role is part of a special token's name; the text names the role.
    """
    for role in chat.roles:
        if role not in ROLES and _is_part(template, role):
            raise Unfit(f"the role {role} is part of a special token's name")


def _document_strings(chat: Chat) -> list[str]:
    """List the strings of a chat, but for its roles and the names of its messages' fields."""
    values = [value for message in chat.messages for key, value in message.items() if key != "role"]
    return list(dict.fromkeys(strings_of([*values, *(chat.tools or [])])))


def _with_replaced(chat: Chat, strings: Mapping[str, str]) -> Chat:
    """Return the chat with each string that is a key of `strings` replaced by its value."""
    messages = [
        {
            key: value if key == "role" else with_strings(value, strings)
            for key, value in message.items()
        }
        for message in chat.messages
    ]
    return Chat(messages, with_strings(chat.tools, strings))


def _risky_strings(template: ChatTemplate, chat: Chat) -> list[str]:
    """List the chat's strings that could become a special token, or part of one.

    A risky string holds a sign with which a special token's name begins or ends, or is itself part
    of a name. A template cannot make a special token of any other string, even if it cuts the
    string or puts text beside it.
    """
    signs = _edges(template.tokenizer_json)
    return [
        text
        for text in _document_strings(chat)
        if signs.search(text) or _is_part(template, text.strip())
    ]


def _is_part(template: ChatTemplate, text: str) -> bool:
    """Return True if a text is part of a special token's name, and the template does not know it.

    A template knows a text if the text stands in its source as a quoted word.
    """
    names = special_tokens(template.tokenizer_json).ids
    if not text or not any(text in name for name in names):
        return False
    return f"'{text}'" not in template.source and f'"{text}"' not in template.source


@lru_cache(maxsize=4)
def _edges(tokenizer_json: str) -> re.Pattern[str]:
    """Return a pattern of the signs with which names of special tokens begin or end."""
    names = [name.strip() for name in special_tokens(tokenizer_json).ids]
    signs = sorted({sign for name in names for sign in (name[0], name[-1])})
    return re.compile(f"[{re.escape(''.join(signs))}]" if signs else "(?!)")


def _stretches(
    template: ChatTemplate, chat: Chat, text: str, risky: list[str]
) -> list[tuple[str, bool]]:
    """Cut the rendered text into stretches, each the document's or the template's.

    Args:
        template: the template that rendered the chat.
        chat: the chat.
        text: the rendered text.
        risky: the strings of the chat that could become special tokens.

    Returns:
        The stretches in order; True beside a stretch if it is the document's.

    Raises:
        Unfit: the document's text cannot be told from the template's.
    """
    source = template.source_for(chat)
    marks = Marks.absent_from(text, risky, template, source)
    tagged = [
        string for string in _document_strings(chat) if any(tag in string for tag in marks.tags)
    ]
    around = marks.around(list(dict.fromkeys([*risky, *tagged])))
    special = special_tokens(template.tokenizer_json).splitter
    try:
        marked = template.render(_with_replaced(chat, around), marks.source)
        stretches = list(marks.read(marked, special, around))
    except Unfit:
        stretches = []
    if "".join(stretch for stretch, _ in stretches) == text:
        return stretches
    return _searched(text, _own_text(template, chat, risky), risky)


def _own_text(template: ChatTemplate, chat: Chat, risky: list[str]) -> str:
    """Render the chat with a harmless word in place of each risky string.

    Raises:
        Unfit: the template refuses the chat with these words.
    """
    return template.render(_with_replaced(chat, dict.fromkeys(risky, "word")))


@dataclass(frozen=True)
class Marks:
    """Marks are words that mark the document's stretches in one rendered chat."""

    open: str
    """The mark before a stretch."""
    close: str
    """The mark after a stretch."""
    tags: Mapping[str, str]
    """By tag that the template looks for: the word that replaces the tag."""
    source: str
    """The template's source, changed to look for these words instead of the tags."""

    @classmethod
    def absent_from(
        cls, text: str, risky: list[str], template: ChatTemplate, source: str
    ) -> "Marks":
        """Make marks that occur in none of the rendered text, the source and the risky strings."""
        used = {
            salt.group() for string in (text, source, *risky) for salt in SALTS.finditer(string)
        }
        salt = next(salt for salt in range(len(used) + 1) if f"zq{salt}" not in used)
        tags, renamed_source = _renamed(source, salt)
        if not _hides_words(template, renamed_source, f"zq{salt}TAG"):
            tags, renamed_source = {}, source
        return cls(OPEN.format(salt), CLOSE.format(salt), tags, renamed_source)

    def around(self, strings: list[str]) -> dict[str, str]:
        """Return each string with marks around its text, by string.

        White space at the ends of a stretch stays outside the marks, so that templates can trim it.
        """
        return {string: "".join(self._marked(string)) for string in strings}

    def _marked(self, string: str) -> Iterator[str]:
        """Yield the pieces of the marked string."""
        for part in self._split(string, self.tags):
            core = part.strip()
            if part in self.tags:
                yield self.tags[part]
            elif core:
                before, _, after = part.partition(core)
                yield f"{before}{self.open}{core}{self.close}{after}"
            else:
                yield part

    def read(
        self, marked: str, special: re.Pattern[str], around: Mapping[str, str]
    ) -> Iterator[tuple[str, bool]]:
        """Yield the stretches of a marked text without their marks; True if the document's.

        Args:
            marked: the rendered text, with marks.
            special: matches names of special tokens.
            around: the strings with marks around them, by string.

        Raises:
            Unfit: a mark lacks its partner, or a marked stretch holds a special token's name and
                differs from every string that was marked: the template may have added the name.
        """
        is_document = False
        whole = set(self._cores(around.values()))
        back = {mark: tag for tag, mark in self.tags.items()}
        for part in self._split(marked, (self.open, self.close, *back)):
            if part in (self.open, self.close):
                if is_document == (part == self.open):
                    raise Unfit("the template shows only a part of a turn's text")
                is_document = not is_document
            elif is_document and special.search(part) and part not in whole:
                raise Unfit("the template inserts something into a turn's text")
            else:
                yield (back[part], True) if part in back else (part, is_document)
        if is_document:
            raise Unfit("the template shows only a part of a turn's text")

    def _cores(self, marked: Iterable[str]) -> Iterator[str]:
        """Yield each text between two marks, as it is and as JSON writes it."""
        for string in marked:
            for part in string.split(self.open)[1:]:
                core = part.partition(self.close)[0]
                yield core
                yield from (json.dumps(core, ensure_ascii=ascii)[1:-1] for ascii in (False, True))

    @staticmethod
    def _split(text: str, at: Iterable[str]) -> list[str]:
        """Cut the text at the words `at`; the words are parts of their own."""
        names = "|".join(map(re.escape, sorted(at, key=len, reverse=True)))
        return [part for part in re.split(f"({names})", text) if part] if names else [text]


def _searched(text: str, own: str, risky: list[str]) -> list[tuple[str, bool]]:
    """Cut a rendered text into stretches by searching the risky strings in it.

    Args:
        text: the rendered text.
        own: the text that the template renders without the risky strings.
        risky: the strings of the chat that could become special tokens.

    Returns:
        The stretches in order; True beside a stretch if it is the document's.

    Raises:
        Unfit: a string does not occur exactly once, the template writes it too, or two strings
            overlap.
    """
    spans = []
    for string in risky:
        core = string.strip()
        start = text.find(core)
        if start < 0:
            raise Unfit(
                "the template changes or cuts the text of a turn, and this text holds signs of "
                "special tokens: it cannot be told from the template's own"
            )
        if text.find(core, start + 1) >= 0 or core in own:
            raise Unfit(
                "the text of a turn holds signs of special tokens, and the rendered chat has it "
                "more than once or the template writes it too: it cannot be told from the "
                "template's own"
            )
        spans.append((start, start + len(core)))
    stretches: list[tuple[str, bool]] = []
    end = 0
    for start, stop in sorted(spans):
        if start < end:
            raise Unfit(
                "the texts of two turns overlap in the rendered chat and hold signs of special "
                "tokens: they cannot be told from the template's own"
            )
        stretches += [(text[end:start], False), (text[start:stop], True)]
        end = stop
    return [*stretches, (text[end:], False)]


@lru_cache(maxsize=8)
def searched_tags(source: str) -> tuple[str, ...]:
    """Return the tags that a template looks for in a turn's text, for example `</think>`."""
    literals = (match.group() for code in CODE.findall(source) for match in SEARCHED.finditer(code))
    return tuple(dict.fromkeys(tag for literal in literals for tag in A_TAG.findall(literal)))


@lru_cache(maxsize=64)
def _renamed(source: str, salt: int) -> tuple[dict[str, str], str]:
    """Replace the tags that a template looks for by other words; the tags that it shows stay.

    Returns:
        The word for each tag, by tag, and the changed source.
    """
    tags = {tag: TAG.format(salt, i) for i, tag in enumerate(searched_tags(source))}

    def renamed(searched: re.Match[str]) -> str:
        return A_TAG.sub(lambda tag: tags.get(tag.group(), tag.group()), searched.group())

    return tags, CODE.sub(lambda code: SEARCHED.sub(renamed, code.group()), source)


@lru_cache(maxsize=64)
def _hides_words(template: ChatTemplate, renamed_source: str, word: str) -> bool:
    """Return True if the changed template shows none of its words in chats that lack these.

    Args:
        template: the template before the change.
        renamed_source: its source, changed to look for other words than its tags.
        word: the beginning of all these words.
    """
    for _, chat in TRIED.values():
        try:
            if word in template.render(chat, renamed_source):
                return False
        except Unfit:
            continue
    return True
