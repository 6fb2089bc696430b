"""Make prompts for an instruct model: its chat template around an instruction and a text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rm_ray.engines.config_parts import text_part
from rm_ray.engines.engine import Prompt
from rm_ray.engines.weights import Model
from rm_ray.errors import JudgeError
from rm_ray.judges.chat_shapes import Chat
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.judges.keys import ChatConfig
from rm_ray.judges.plain import join_texts, special_tokens, split_special, strip_beside
from rm_ray.judges.template import ChatTemplate, Unfit, assistant_turn, ids_of
from rm_ray.judges.tokens import TokenizerFiles
from rm_ray.pairs.config import TEXT

# Placeholder of the text while a template is rendered; only letters, so that no template trims it.
MARK = "zqTEXTqz"
# Token ids of special tokens, and texts between these.
MessageParts = tuple[int | str, ...]


@dataclass(frozen=True)
class ChatPrompts:
    """ChatPrompts holds the instructions, each rendered by the chat template around a text.

    The text is tokenised as plain text: special tokens in it have no effect and end no turn.
    """

    around: tuple[tuple[MessageParts, MessageParts], ...]
    """Rendered parts before and after the text, for each instruction."""
    tokenizer_json: str
    """Content of the generator's tokenizer.json."""

    @classmethod
    def of(cls, instructions: Sequence[str], files: TokenizerFiles) -> "ChatPrompts":
        """Render each instruction as a user's turn that the assistant is to answer.

        Raises:
            JudgeError: there is no template, or the template does not show the turn exactly once.
        """
        template = template_of(files)
        around = []
        for instruction in instructions:
            turn = {"role": "user", "content": instruction.replace(TEXT, MARK).strip()}
            try:
                shown = template.render(Chat([turn]), opens_answer=True)
            except Unfit as error:
                raise JudgeError(
                    f"generator.model: its chat template cannot render a prompt of pairs.rewrite: "
                    f"{error}"
                ) from None
            if shown.count(MARK) != 1:
                raise JudgeError(
                    "generator.model: its chat template does not show a user's turn exactly once; "
                    "take another instruct model"
                )
            before, _, after = shown.partition(MARK)
            around.append(
                (
                    tuple(split_special(before, files.json)),
                    tuple(split_special(after, files.json)),
                )
            )
        return cls(tuple(around), files.json)

    def prompt(self, number: int, text: str) -> Prompt:
        """Return the prompt of an instruction, by number, with a text."""
        before, after = self.around[number]
        parts = strip_beside(
            join_texts([*before, text.strip(), *after]), special_tokens(self.tokenizer_json)
        )
        return np.asarray(ids_of(parts, self.tokenizer_json), np.int32)

    @property
    def longest(self) -> int:
        """Return the most tokens of a prompt with a text of one letter."""
        return max(len(self.prompt(number, "x")) for number in range(len(self.around)))


def template_of(files: TokenizerFiles) -> ChatTemplate:
    """Return the generator's chat template.

    Raises:
        JudgeError: there is no template, or it does not keep texts apart from its own text.
    """
    if not files.chat_template:
        raise JudgeError(
            "generator.model: its tokenizer has no chat template, and the kind rewritten needs an "
            "instruct model; take an instruct model, or leave rewritten out of pairs.kinds"
        )
    try:
        return ChatTemplate.of(
            files.chat_template,
            files.special_tokens,
            date=ChatConfig().date,
            tokenizer_json=files.json,
        )
    except JudgeError as error:
        message = str(error).replace("judge.chat:", "generator.model, its chat template:")
        raise JudgeError(message) from None


def stop_tokens(model: Model, files: TokenizerFiles, *, chat: bool) -> tuple[int, ...]:
    """Return the tokens that end an answer.

    The model's files name these. For a chat, the special tokens after an assistant's turn count
    too.
    """
    text = model.config.get("text_config") or {}
    ends = [model.config.get("eos_token_id"), text.get("eos_token_id")]
    generation = Path(model.place) / "generation_config.json"
    if generation.is_file():
        ends.append(json.loads(generation.read_text()).get("eos_token_id"))
    whole = load_tokenizer(files.json)
    if name := files.special_tokens.get("eos_token"):
        ends.append(whole.token_to_id(name))
    if chat:
        special = set(special_tokens(files.json).ids.values())
        ends += [token for token in assistant_turn(template_of(files)).tail if token in special]
    flat = [token for end in ends for token in (end if isinstance(end, list) else [end])]
    return tuple(sorted({int(token) for token in flat if token is not None}))


def banned_tokens(model: Model, files: TokenizerFiles, stops: Sequence[int]) -> tuple[int, ...]:
    """Return the tokens that are never drawn.

    These are special tokens, except for the stops, and token ids that the tokenizer lacks, since
    the head of a model often has more outputs than the tokenizer has tokens.
    """
    text = text_part(model.config)
    known = set(load_tokenizer(files.json).get_vocab(with_added_tokens=True).values())
    special = set(special_tokens(files.json).ids.values())
    size = int(text.get("vocab_size") or 0)
    banned = {number for number in range(size) if number not in known or number in special}
    return tuple(sorted(banned - set(stops)))
