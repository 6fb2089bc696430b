"""A rendered chat, with what its document says kept apart from what the template says.

The special tokens of a rendered chat must be the template's own: a document may contain any of
their names. Where no string of a chat could hold, or help to make, such a name, the rendered text
is tokenised as the authors do it. Otherwise the chat is rendered a second time, with marks around
what the document says; where the text without the marks is the first one, the marks say which
stretches are the document's, and these are plain text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import jinja2
from jinja2 import nodes

from rm_ray.judges.chat_shapes import Chat
from rm_ray.judges.plain import join_texts, special_tokens, split_special, strip_beside
from rm_ray.judges.template import ChatTemplate, Unfit
from rm_ray.judges.values import strings_of, with_strings

# Marks around a stretch of a document, and what stands for the N-th tag of a template's; letters,
# so that no template trims or escapes them.
OPEN, CLOSE, TAG = "zq{0}OPENqz", "zq{0}SHUTqz", "zq{0}TAG{1}qz"
# Methods of strings by which templates look for a tag in what was said.
SEARCHES = ("split", "rsplit", "startswith", "endswith", "find", "rfind", "index", "rindex",
            "count", "partition", "rpartition", "removeprefix", "removesuffix")  # fmt: skip
# What marks the assistant's words in a template; it shows nothing.
GENERATION = re.compile(r"\{%-?\s*(end)?generation\s*-?%\}")
QUOTED_TAG = re.compile(r"""(['"])(<[^'"<>\s]+>|\[[^'"\[\]\s]+\])\1""")


def shown_parts(template: ChatTemplate, chat: Chat) -> list[int | str]:
    """A chat as special tokens' ids and the texts between them.

    Raises:
        Unfit: the template refuses the chat, or it is not clear what in it is the document's.
    """
    text = template.render(chat)
    risky = _risky_strings(chat, template.tokenizer_json)
    if not risky:
        return split_special(text, template.tokenizer_json)
    parts: list[int | str] = []
    for stretch, is_said in _stretches(template, chat, text, risky):
        parts += [stretch] if is_said else split_special(stretch, template.tokenizer_json)
    return strip_beside(join_texts(parts), special_tokens(template.tokenizer_json))


def _risky_strings(chat: Chat, tokenizer_json: str) -> list[str]:
    """The chat's strings that hold a sign with which a special token begins or ends.

    Without such a sign no text of theirs becomes a special token, whatever a template cuts out of
    it or puts beside it. Roles are plain words.
    """
    signs = _edges(tokenizer_json)
    said = strings_of([*chat.messages, *(chat.tools or [])])
    return list(dict.fromkeys(one for one in said if signs.search(one)))


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
    marks = Marks.absent_from(text, risky, template.source)
    said = dict.fromkeys(strings_of([*chat.messages, *(chat.tools or [])]))
    tagged = [one for one in said if any(tag in one for tag in marks.tags)]
    around = marks.around(list(dict.fromkeys([*risky, *tagged])))
    try:
        marked = Chat(with_strings(chat.messages, around), with_strings(chat.tools, around))
        found = list(marks.read(template.render(marked, marks.source)))
    except Unfit:
        found = []
    if "".join(stretch for stretch, _ in found) == text:
        return found
    return _searched(text, _own_text(template, chat, risky), risky)


def _own_text(template: ChatTemplate, chat: Chat, risky: list[str]) -> str:
    """The rendered chat with a word in place of each risky string."""
    words = dict.fromkeys(risky, "word")
    without = Chat(with_strings(chat.messages, words), with_strings(chat.tools, words))
    try:
        return template.render(without)
    except Unfit:
        return ""


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
    def absent_from(cls, text: str, risky: list[str], source: str) -> "Marks":
        """Marks that occur neither in a rendered text nor in what was said."""
        said = "\n".join((text, source, *risky))
        salt = next(salt for salt in range(len(said) + 1) if f"zq{salt}" not in said)
        tags = {tag: TAG.format(salt, i) for i, tag in enumerate(searched_tags(source))}
        return cls(OPEN.format(salt), CLOSE.format(salt), tags, _looking_for(source, tags))

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

    def read(self, marked: str) -> Iterator[tuple[str, bool]]:
        """The stretches of a marked text, without their marks.

        Raises:
            Unfit: a mark stands without the other one.
        """
        is_said = False
        back = {mark: tag for tag, mark in self.tags.items()}
        for part in self._split(marked, (self.open, self.close, *back)):
            if part in (self.open, self.close):
                if is_said == (part == self.open):
                    raise Unfit("the template shows a part of what a turn says")
                is_said = not is_said
            else:
                yield (back[part], True) if part in back else (part, is_said)
        if is_said:
            raise Unfit("the template shows a part of what a turn says")

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
    """The tags that a template only looks for in what was said, such as `</think>`.

    A template that shows such a tag as a whole word of its own is another matter: then it is not
    among them.
    """
    candidates = dict.fromkeys(found.group(2) for found in QUOTED_TAG.finditer(source))
    if not candidates:
        return ()
    environment = jinja2.Environment(extensions=["jinja2.ext.loopcontrols"])
    parsed = environment.parse(GENERATION.sub("", source))
    shown = "\n".join(_shown_strings(parsed))
    return tuple(tag for tag in candidates if tag not in shown)


def _shown_strings(node: nodes.Node) -> Iterator[str]:
    """The strings of a template but for those that it looks for: compared with something, or given
    to a method that searches. A longer string may hold a tag; it is not the tag that is renamed.
    """
    if isinstance(node, nodes.TemplateData):
        yield from (found.group(2) for found in QUOTED_TAG.finditer(node.data))
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value if QUOTED_TAG.fullmatch(f"'{node.value}'") else ""
        yield from (found.group(2) for found in QUOTED_TAG.finditer(node.value))
    is_search = isinstance(node, nodes.Compare | nodes.Operand) or (
        isinstance(node, nodes.Call)
        and isinstance(node.node, nodes.Getattr)
        and node.node.attr in SEARCHES
    )
    for child in node.iter_child_nodes():
        if not (is_search and isinstance(child, nodes.Const)):
            yield from _shown_strings(child)


def _looking_for(source: str, tags: Mapping[str, str]) -> str:
    """A template that looks for other words in place of its tags."""
    return QUOTED_TAG.sub(
        lambda found: f"{found[1]}{tags.get(found[2], found[2])}{found[1]}", source
    )
