"""Tells the tokens that a model obeys from plain text, so that a document cannot hold the former.

Added tokens of a tokenizer are of two kinds:

- *Obeyed* tokens mean something to the model. They are marked `special: true`, or their names are
  written like markup (`<|im_start|>`, `<tool_call>`, `[INST]`). No text of a document becomes one.
- *Words* are text like any other: plain words that were added to a vocabulary ("covid"), runs of
  white space, HTML tags. Each stays one token.
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
# SentencePiece writes a space like this.
METASPACE = "▁"


def is_space(token: str) -> bool:
    """Return True if a token is only white space."""
    return not token.replace(METASPACE, " ").strip()


def is_obeyed(added: Mapping[str, Any]) -> bool:
    """Return True if an added token means something to the model.

    Args:
        added: the token's entry in tokenizer.json.
    """
    content = added["content"]
    if is_space(content):
        return False
    markup = bool(MARKUP.fullmatch(content)) and not HTML.fullmatch(content)
    return bool(added.get("special")) or markup


def plain_tokenizer(tokenizer_json: str) -> str:
    """Copy a tokenizer without its obeyed tokens, templates, padding and truncation, as JSON.

    `split_special_tokens` of transformers is not enough: it still maps added tokens that are not
    "special", such as Qwen's `<tool_call>` and `<|fim_prefix|>`, to single ids.
    """
    parts = json.loads(tokenizer_json)
    words = [added for added in parts["added_tokens"] if not is_obeyed(added)]
    if parts["model"].get("type") == "Unigram":
        obeyed = {added["content"] for added in parts["added_tokens"] if is_obeyed(added)}
        _hide_pieces(parts["model"], obeyed)
    _hold_places(parts)
    parts.update(added_tokens=words, post_processor=None, truncation=None, padding=None)
    plain = json.dumps(parts, ensure_ascii=False)
    made = _made_of_text(
        plain, [added for added in json.loads(tokenizer_json)["added_tokens"] if is_obeyed(added)]
    )
    if not made:
        return plain
    _hide_words(parts["model"], made)
    return json.dumps(parts, ensure_ascii=False)


def _made_of_text(plain_json: str, obeyed: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the names of the obeyed tokens that the plain tokenizer still makes of text.

    It can do so if the names are in the model's own vocabulary too.
    """
    model = json.loads(plain_json)["model"]
    vocab = model["vocab"]
    known = [added for added in obeyed if isinstance(vocab, dict) and added["content"] in vocab]
    known = [added for added in known if added["content"] != model.get("unk_token")]
    if not known:
        return set()
    plain = Tokenizer.from_str(plain_json)
    return {
        added["content"]
        for added in known
        for text in ("{}", " {} ", "a{}a")
        if added["id"] in plain.encode(text.format(added["content"]), add_special_tokens=False).ids
    }


def _hide_words(model: dict[str, Any], names: set[str]) -> None:
    """Rename words of a vocabulary so that no text matches them, and drop their merges."""
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
    """Keep the ids of words: put the obeyed tokens before them into the model's own vocabulary.

    An added token gets the next free id when a tokenizer is built. If the obeyed tokens before a
    word were missing, the word would get another id. Their names in the vocabulary match no text.
    """
    tokens, vocab = parts["added_tokens"], parts["model"]["vocab"]
    last_word = max((token["id"] for token in tokens if not is_obeyed(token)), default=-1)
    last = max(
        (token["id"] for token in tokens if is_obeyed(token) and token["id"] < last_word),
        default=-1,
    )
    known = set(vocab) if isinstance(vocab, dict) else {piece.strip(" ") for piece, _ in vocab}
    for token in sorted(tokens, key=lambda token: int(token["id"])):
        if token["id"] > last or token["content"] in known:
            continue
        name = f" {token['content']} " if is_obeyed(token) else token["content"]
        if isinstance(vocab, dict):
            vocab[name] = token["id"]
        else:  # a Unigram model: the position in its vocabulary is the id
            vocab.append([name, min((score for _, score in vocab), default=0.0)])


def check_words(tokenizer_json: str, plain: Tokenizer) -> None:
    """Check that the words of a plain tokenizer kept their ids.

    Args:
        tokenizer_json: the tokenizer with its special tokens.
        plain: its plain copy.

    Raises:
        JudgeError: a word has another id.
    """
    for added in json.loads(tokenizer_json)["added_tokens"]:
        if not is_obeyed(added) and plain.token_to_id(added["content"]) != added["id"]:
            raise JudgeError(
                f"the tokenizer's added word {added['content']!r} has the id {added['id']}, and "
                "gets another id when special tokens are kept out of documents; rm_ray cannot use "
                "this tokenizer"
            )


@dataclass(frozen=True)
class SpecialTokens:
    """SpecialTokens lists the obeyed tokens of a tokenizer."""

    ids: Mapping[str, int]
    """Token ids by name."""
    splitter: re.Pattern[str]
    """Matches any of the names."""
    eats_left: frozenset[int]
    """Ids of the tokens that remove the white space before them."""
    eats_right: frozenset[int]
    """Ids of the tokens that remove the white space after them."""


@lru_cache(maxsize=4)
def special_tokens(tokenizer_json: str) -> SpecialTokens:
    """List the obeyed tokens; the splitter matches the longest name first, as tokenizers do."""
    obeyed = [added for added in json.loads(tokenizer_json)["added_tokens"] if is_obeyed(added)]
    ids = {added["content"]: added["id"] for added in obeyed}
    longest = sorted(ids, key=len, reverse=True)
    pattern = f"({'|'.join(map(re.escape, longest))})" if ids else "(?!)"
    return SpecialTokens(
        ids,
        re.compile(pattern),
        frozenset(added["id"] for added in obeyed if added.get("lstrip")),
        frozenset(added["id"] for added in obeyed if added.get("rstrip")),
    )


def split_special(text: str, tokenizer_json: str) -> list[int | str]:
    """Cut the text at its obeyed tokens; return their ids and the texts between them."""
    special = special_tokens(tokenizer_json)
    parts: list[int | str] = [
        special.ids.get(part, part) for part in special.splitter.split(text) if part
    ]
    return strip_beside(parts, special)


# White space as tokenizers define it. Python's own str.strip also removes U+001C to U+001F.
WHITE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


def join_texts(parts: Iterable[int | str]) -> list[int | str]:
    """Join texts that follow each other without an obeyed token between them."""
    joined: list[int | str] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def strip_beside(parts: Sequence[int | str], special: SpecialTokens) -> list[int | str]:
    """Remove the white space that obeyed tokens remove beside them, and texts that become empty."""
    stripped: list[int | str] = []
    for number, part in enumerate(parts):
        if isinstance(part, str):
            before = parts[number - 1] if number else None
            after = parts[number + 1] if number + 1 < len(parts) else None
            part = part.lstrip(WHITE) if before in special.eats_right else part
            part = part.rstrip(WHITE) if after in special.eats_left else part
            if not part:
                continue
        stripped.append(part)
    return stripped
