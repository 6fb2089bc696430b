"""The border between what a document says and what a tokenizer obeys.

Added tokens of a tokenizer are of two kinds. *Obeyed* tokens mean something to the model: those
marked `special: true`, and those whose names are written like markup (`<|im_start|>`,
`<tool_call>`, `[INST]`). No text of a document becomes one. *Words* are text like any other: plain
words that were added to a vocabulary ("covid"), runs of white space, HTML tags. They stay one
token.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tokenizers import Tokenizer

from rm_ray.errors import JudgeError

MARKUP = re.compile(r"<[^<>]+>|\[[^\[\]\s]+\]|◁[^◁▷]+▷|【[^【】]+】", re.DOTALL)
# Gemma's vocabulary has HTML tags as words of their own; a document may well hold them.
HTML = re.compile(
    r"</?(a|b|blockquote|body|br|caption|code|div|em|h[1-6]|head|html|i|img|li|ol|p|pre|s|span|"
    r"strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|u|ul)/?>"
)
# A space, as SentencePiece writes it.
METASPACE = "▁"


def is_space(token: str) -> bool:
    """Whether a token is white space alone."""
    return not token.replace(METASPACE, " ").strip()


def is_obeyed(added: Mapping[str, Any]) -> bool:
    """Whether an added token, as tokenizer.json describes it, means something to the model."""
    content = added["content"]
    if is_space(content):
        return False
    markup = bool(MARKUP.fullmatch(content)) and not HTML.fullmatch(content)
    return bool(added.get("special")) or markup


def plain_tokenizer(tokenizer_json: str) -> str:
    """Make the same tokenizer without obeyed tokens, templates, padding or truncation, as JSON.

    `split_special_tokens` of transformers is not enough: it still maps added tokens that are not
    "special", such as Qwen's `<tool_call>` and `<|fim_prefix|>`, to single ids.
    """
    parts = json.loads(tokenizer_json)
    words = [one for one in parts["added_tokens"] if not is_obeyed(one)]
    if parts["model"].get("type") == "Unigram":
        obeyed = {one["content"] for one in parts["added_tokens"] if is_obeyed(one)}
        _hide_pieces(parts["model"], obeyed)
    _hold_places(parts)
    parts.update(added_tokens=words, post_processor=None, truncation=None, padding=None)
    plain = json.dumps(parts, ensure_ascii=False)
    made = _made_of_text(
        plain, [one for one in json.loads(tokenizer_json)["added_tokens"] if is_obeyed(one)]
    )
    if not made:
        return plain
    _hide_words(parts["model"], made)
    return json.dumps(parts, ensure_ascii=False)


def _made_of_text(plain_json: str, obeyed: Sequence[Mapping[str, Any]]) -> set[str]:
    """The obeyed tokens that the model makes of text, since its own vocabulary has their names."""
    model = json.loads(plain_json)["model"]
    vocab = model["vocab"]
    known = [one for one in obeyed if isinstance(vocab, dict) and one["content"] in vocab]
    known = [one for one in known if one["content"] != model.get("unk_token")]
    if not known:
        return set()
    plain = Tokenizer.from_str(plain_json)
    return {
        one["content"]
        for one in known
        for text in ("{}", " {} ", "a{}a")
        if one["id"] in plain.encode(text.format(one["content"]), add_special_tokens=False).ids
    }


def _hide_words(model: dict[str, Any], names: set[str]) -> None:
    """Rename words of a vocabulary as no text has them, and forget how they are merged."""
    model["vocab"] = {
        f" {word} " if word in names else word: number for word, number in model["vocab"].items()
    }
    if "merges" in model:
        model["merges"] = [
            merge
            for merge in model["merges"]
            if "".join(merge.split(" ") if isinstance(merge, str) else merge) not in names
        ]


def _hide_pieces(model: dict[str, Any], obeyed: set[str]) -> None:
    """Rename the obeyed tokens among a Unigram model's pieces: no text has pieces with spaces."""
    for number, (piece, score) in enumerate(model["vocab"]):
        if piece in obeyed and number != model.get("unk_id"):
            model["vocab"][number] = [f" {piece} ", score]


def _hold_places(parts: dict[str, Any]) -> None:
    """Put the obeyed tokens that come before a word into the model's vocabulary, under names that
    no text has.

    An added token gets the next free id when a tokenizer is built: without the ones before it, a
    word would become another token.
    """
    added, vocab = parts["added_tokens"], parts["model"]["vocab"]
    last_word = max((one["id"] for one in added if not is_obeyed(one)), default=-1)
    last = max((one["id"] for one in added if is_obeyed(one) and one["id"] < last_word), default=-1)
    known = set(vocab) if isinstance(vocab, dict) else {piece.strip(" ") for piece, _ in vocab}
    for one in sorted(added, key=lambda one: int(one["id"])):
        if one["id"] > last or one["content"] in known:
            continue
        name = f" {one['content']} " if is_obeyed(one) else one["content"]
        if isinstance(vocab, dict):
            vocab[name] = one["id"]
        else:  # a Unigram model's, where the place is the id
            vocab.append([name, min((score for _, score in vocab), default=0.0)])


def check_words(tokenizer_json: str, plain: Tokenizer) -> None:
    """Make sure that the words of a plain tokenizer kept their ids.

    Raises:
        JudgeError: one has another id.
    """
    for one in json.loads(tokenizer_json)["added_tokens"]:
        if not is_obeyed(one) and plain.token_to_id(one["content"]) != one["id"]:
            raise JudgeError(
                f"the tokenizer's added word {one['content']!r} has the id {one['id']}, which it "
                "loses once special tokens are kept out of documents; rm_ray cannot use it"
            )


@dataclass(frozen=True)
class SpecialTokens:
    """The obeyed tokens of a tokenizer."""

    ids: Mapping[str, int]
    """Token ids by name."""
    splitter: re.Pattern[str]
    """Matches any of the names."""
    eats_left: frozenset[int]
    """Ids of the tokens that take the white space before them."""
    eats_right: frozenset[int]
    """Ids of the tokens that take the white space after them."""


@lru_cache(maxsize=4)
def special_tokens(tokenizer_json: str) -> SpecialTokens:
    """List the obeyed tokens; the splitter takes the longest first, as tokenizers do."""
    obeyed = [one for one in json.loads(tokenizer_json)["added_tokens"] if is_obeyed(one)]
    ids = {one["content"]: one["id"] for one in obeyed}
    longest = sorted(ids, key=len, reverse=True)
    pattern = f"({'|'.join(map(re.escape, longest))})" if ids else "(?!)"
    return SpecialTokens(
        ids,
        re.compile(pattern),
        frozenset(one["id"] for one in obeyed if one.get("lstrip")),
        frozenset(one["id"] for one in obeyed if one.get("rstrip")),
    )


def split_special(text: str, tokenizer_json: str) -> list[int | str]:
    """Cut the text at its obeyed tokens: their ids, and the stretches between them."""
    special = special_tokens(tokenizer_json)
    parts: list[int | str] = [
        special.ids.get(part, part) for part in special.splitter.split(text) if part
    ]
    return strip_beside(parts, special)


# White space as tokenizers know it: Python's own includes U+001C to U+001F.
WHITE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


def join_texts(parts: Iterable[int | str]) -> list[int | str]:
    """Join the stretches of text that stand side by side, between obeyed tokens."""
    found: list[int | str] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        else:
            found.append(part)
    return found


def strip_beside(parts: Sequence[int | str], special: SpecialTokens) -> list[int | str]:
    """Take away the white space that obeyed tokens take with them; no stretch stays empty."""
    found: list[int | str] = []
    for number, part in enumerate(parts):
        if isinstance(part, str):
            before = parts[number - 1] if number else None
            after = parts[number + 1] if number + 1 < len(parts) else None
            part = part.lstrip(WHITE) if before in special.eats_right else part
            part = part.rstrip(WHITE) if after in special.eats_left else part
            if not part:
                continue
        found.append(part)
    return found
