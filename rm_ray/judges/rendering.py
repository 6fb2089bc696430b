"""A rendered chat, with what its document says kept apart from what the template says.

The special tokens of a rendered chat must be the template's own: a document may contain any of
their names. Where no string of a chat could hold, or help to make, such a name, the rendered text
is tokenised as the authors do it. Otherwise the chat is rendered a second time, with marks around
what the document says; where the text without the marks is the first one, the marks say which
stretches are the document's, and these are plain text.
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

# Marks around a stretch of a document, and what stands for the N-th tag of a template's; letters,
# so that no template trims or escapes them.
OPEN, CLOSE, TAG = "zq{0}OPENqz", "zq{0}SHUTqz", "zq{0}TAG{1}qz"
SALTS = re.compile(r"zq\d+")
# A tag, and where templates look for one in what was said: given to a method that searches, or
# compared. A tag elsewhere is one that the template shows.
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
    """A chat as special tokens' ids and the texts between them.

    Raises:
        Unfit: the template refuses the chat, or it is not clear what in it is the document's.
    """
    _check_roles(template, chat)
    text = template.render(chat)
    risky = _risky_strings(template, chat)
    if not risky:
        return split_special(text, template.tokenizer_json)
    parts: list[int | str] = []
    for stretch, is_said in _stretches(template, chat, text, risky):
        parts += [stretch] if is_said else split_special(stretch, template.tokenizer_json)
    return strip_beside(join_texts(parts), special_tokens(template.tokenizer_json))


def _check_roles(template: ChatTemplate, chat: Chat) -> None:
    """Refuse a role that a template could make a special token of, and does not know.

    Raises:
        Unfit: naming the role.
    """
    for role in chat.roles:
        if role not in ROLES and _is_part(template, role):
            raise Unfit(f"the role {role} is part of a special token's name")


def _said(chat: Chat) -> list[str]:
    """Every string of a chat but its roles and the names of its messages' fields."""
    values = [one for message in chat.messages for key, one in message.items() if key != "role"]
    return list(dict.fromkeys(strings_of([*values, *(chat.tools or [])])))


def _with(chat: Chat, strings: Mapping[str, str]) -> Chat:
    """The chat with some of these strings replaced by others."""
    messages = [
        {key: one if key == "role" else with_strings(one, strings) for key, one in message.items()}
        for message in chat.messages
    ]
    return Chat(messages, with_strings(chat.tools, strings))


def _risky_strings(template: ChatTemplate, chat: Chat) -> list[str]:
    """The chat's strings that hold a sign with which a special token begins or ends, or that are a
    part of its name.

    No other text becomes a special token, whatever a template cuts out of it or puts beside it.
    """
    signs = _edges(template.tokenizer_json)
    return [one for one in _said(chat) if signs.search(one) or _is_part(template, one.strip())]


def _is_part(template: ChatTemplate, said: str) -> bool:
    """Whether a text is part of a special token's name, and no word that the template looks for."""
    names = special_tokens(template.tokenizer_json).ids
    if not said or not any(said in name for name in names):
        return False
    return f"'{said}'" not in template.source and f'"{said}"' not in template.source


@lru_cache(maxsize=4)
def _edges(tokenizer_json: str) -> re.Pattern[str]:
    names = [name.strip() for name in special_tokens(tokenizer_json).ids]
    signs = sorted({sign for name in names for sign in (name[0], name[-1])})
    return re.compile(f"[{re.escape(''.join(signs))}]" if signs else "(?!)")


def _stretches(
    template: ChatTemplate, chat: Chat, text: str, risky: list[str]
) -> list[tuple[str, bool]]:
    """The rendered text cut into stretches, each with whether the document says it.

    Raises:
        Unfit: it is not clear.
    """
    source = template.source_for(chat)
    marks = Marks.absent_from(text, risky, template, source)
    tagged = [one for one in _said(chat) if any(tag in one for tag in marks.tags)]
    around = marks.around(list(dict.fromkeys([*risky, *tagged])))
    special = special_tokens(template.tokenizer_json).splitter
    try:
        marked = template.render(_with(chat, around), marks.source)
        found = list(marks.read(marked, special, around))
    except Unfit:
        found = []
    if "".join(stretch for stretch, _ in found) == text:
        return found
    return _searched(text, _own_text(template, chat, risky), risky)


def _own_text(template: ChatTemplate, chat: Chat, risky: list[str]) -> str:
    """The rendered chat with a word in place of each risky string.

    Raises:
        Unfit: the template refuses it so.
    """
    return template.render(_with(chat, dict.fromkeys(risky, "word")))


@dataclass(frozen=True)
class Marks:
    """What marks the document's stretches of one chat."""

    open: str
    close: str
    tags: Mapping[str, str]
    """What stands for each tag that the template looks for, by tag."""
    source: str
    """The template, which looks for these in place of its tags."""

    @classmethod
    def absent_from(
        cls, text: str, risky: list[str], template: ChatTemplate, source: str
    ) -> "Marks":
        """Marks that occur neither in a rendered text nor in what was said."""
        used = {found.group() for one in (text, source, *risky) for found in SALTS.finditer(one)}
        salt = next(salt for salt in range(len(used) + 1) if f"zq{salt}" not in used)
        tags, looking = _renamed(source, salt)
        if not _shows_no_other(template, looking, f"zq{salt}TAG"):
            tags, looking = {}, source
        return cls(OPEN.format(salt), CLOSE.format(salt), tags, looking)

    def around(self, strings: list[str]) -> dict[str, str]:
        """The strings with marks around what they say, by string.

        White space at the ends of a stretch stays outside, where templates trim it.
        """
        return {one: "".join(self._marked(one)) for one in strings}

    def _marked(self, said: str) -> Iterator[str]:
        for part in self._split(said, self.tags):
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
        """The stretches of a marked text, without their marks.

        Args:
            special: matches names of special tokens.
            around: the strings as they were marked.

        Raises:
            Unfit: a mark stands without the other one, or a stretch that holds a special token's
                name is not as it was marked: the template may have put the name there.
        """
        is_said = False
        whole = set(self._cores(around.values()))
        back = {mark: tag for tag, mark in self.tags.items()}
        for part in self._split(marked, (self.open, self.close, *back)):
            if part in (self.open, self.close):
                if is_said == (part == self.open):
                    raise Unfit("the template shows a part of what a turn says")
                is_said = not is_said
            elif is_said and special.search(part) and part not in whole:
                raise Unfit("the template puts something into what a turn says")
            else:
                yield (back[part], True) if part in back else (part, is_said)
        if is_said:
            raise Unfit("the template shows a part of what a turn says")

    def _cores(self, marked: Iterable[str]) -> Iterator[str]:
        """What stands between marks, as it is and as JSON has it."""
        for one in marked:
            for part in one.split(self.open)[1:]:
                core = part.partition(self.close)[0]
                yield core
                yield from (json.dumps(core, ensure_ascii=ascii)[1:-1] for ascii in (False, True))

    @staticmethod
    def _split(text: str, at: Iterable[str]) -> list[str]:
        names = "|".join(map(re.escape, sorted(at, key=len, reverse=True)))
        return [part for part in re.split(f"({names})", text) if part] if names else [text]


def _searched(text: str, own: str, risky: list[str]) -> list[tuple[str, bool]]:
    """The stretches of a rendered text, where what was said is looked for.

    Args:
        own: the text that the template renders without the risky strings.

    Raises:
        Unfit: a string stands there not once, the template says it too, or two of them overlap.
    """
    spans = []
    for said in risky:
        core = said.strip()
        start = text.find(core)
        if start < 0:
            raise Unfit(
                "the template changes or cuts what a turn says, which holds signs of special "
                "tokens: it is not clear what is the template's own"
            )
        if text.find(core, start + 1) >= 0 or core in own:
            raise Unfit(
                "what a turn says holds signs of special tokens and stands in the rendered chat "
                "more than once, or is the template's own text: it is not clear which it is"
            )
        spans.append((start, start + len(core)))
    found: list[tuple[str, bool]] = []
    end = 0
    for start, stop in sorted(spans):
        if start < end:
            raise Unfit(
                "what two turns say overlaps in the rendered chat, and holds signs of special "
                "tokens: it is not clear what is the template's own"
            )
        found += [(text[end:start], False), (text[start:stop], True)]
        end = stop
    return [*found, (text[end:], False)]


@lru_cache(maxsize=8)
def searched_tags(source: str) -> tuple[str, ...]:
    """The tags that a template looks for in what was said, such as `</think>`."""
    literals = (found.group() for code in CODE.findall(source) for found in SEARCHED.finditer(code))
    return tuple(dict.fromkeys(tag for literal in literals for tag in A_TAG.findall(literal)))


@lru_cache(maxsize=64)
def _renamed(source: str, salt: int) -> tuple[dict[str, str], str]:
    """Other words for the tags that a template looks for, and the template that looks for these;
    what it shows stays.
    """
    tags = {tag: TAG.format(salt, i) for i, tag in enumerate(searched_tags(source))}

    def renamed(searched: re.Match[str]) -> str:
        return A_TAG.sub(lambda tag: tags.get(tag.group(), tag.group()), searched.group())

    return tags, CODE.sub(lambda code: SEARCHED.sub(renamed, code.group()), source)


@lru_cache(maxsize=64)
def _shows_no_other(template: ChatTemplate, looking: str, word: str) -> bool:
    """Whether none of the words that a changed template looks for comes out of it by itself."""
    for _, chat in TRIED.values():
        try:
            if word in template.render(chat, looking):
                return False
        except Unfit:
            continue
    return True
