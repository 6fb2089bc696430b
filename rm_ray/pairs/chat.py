"""Prompts of an instruct model: its own chat template around an instruction and a text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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

# What stands for the text while a template is rendered; letters alone, so that none trims it.
MARK = "zqTEXTqz"
Parts = tuple[int | str, ...]


@dataclass(frozen=True)
class ChatPrompts:
    """The instructions, each as the template shows it, before and after the place of the text.

    A text that is put there is tokenised as plain text: it obeys nothing and ends no turn.
    """

    around: tuple[tuple[Parts, Parts], ...]
    tokenizer_json: str

    @classmethod
    def of(cls, instructions: Sequence[str], files: TokenizerFiles) -> "ChatPrompts":
        """Render each instruction as a user's turn that the assistant is to answer.

        Raises:
            JudgeError: there is no template, or one that does not show the turn once.
        """
        template = template_of(files)
        around = []
        for instruction in instructions:
            said = {"role": "user", "content": instruction.replace(TEXT, MARK).strip()}
            try:
                shown = template.render(Chat([said]), opens_answer=True)
            except Unfit as error:
                raise JudgeError(
                    f"generator.model: of a prompt of pairs.rewrite, {error}"
                ) from None
            if shown.count(MARK) != 1:
                raise JudgeError(
                    "generator.model: its chat template does not show a user's turn once; take "
                    "another instruct model"
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
        """The prompt of an instruction with a text."""
        before, after = self.around[number]
        parts = strip_beside(
            join_texts([*before, text.strip(), *after]), special_tokens(self.tokenizer_json)
        )
        return np.asarray(ids_of(parts, self.tokenizer_json), np.int32)

    @property
    def longest(self) -> int:
        """The most tokens of a prompt without its text."""
        return max(len(self.prompt(number, "x")) for number in range(len(self.around)))


def template_of(files: TokenizerFiles) -> ChatTemplate:
    """The generator's chat template.

    Raises:
        JudgeError: it has none, or none that keeps a text apart from it.
    """
    if not files.chat_template:
        raise JudgeError(
            "generator.model: its tokenizer has no chat template, and rewritten asks an instruct "
            "model; take one, or leave rewritten out of pairs.kinds"
        )
    try:
        return ChatTemplate.of(
            files.chat_template,
            files.special_tokens,
            date=ChatConfig().date,
            tokenizer_json=files.json,
        )
    except JudgeError as error:
        said = str(error).replace("judge.chat:", "generator.model, its chat template:")
        raise JudgeError(said) from None


def stop_tokens(model: Model, files: TokenizerFiles, *, chat: bool) -> tuple[int, ...]:
    """The tokens that end an answer: those that the model's files name, and of a chat the special
    tokens after an assistant's turn.
    """
    text = model.config.get("text_config") or {}
    said = [model.config.get("eos_token_id"), text.get("eos_token_id")]
    generation = Path(model.place) / "generation_config.json"
    if generation.is_file():
        said.append(json.loads(generation.read_text()).get("eos_token_id"))
    whole = load_tokenizer(files.json)
    if name := files.special_tokens.get("eos_token"):
        said.append(whole.token_to_id(name))
    if chat:
        obeyed = set(special_tokens(files.json).ids.values())
        said += [number for number in assistant_turn(template_of(files)).tail if number in obeyed]
    flat = [one for some in said for one in (some if isinstance(some, list) else [some])]
    return tuple(sorted({int(one) for one in flat if one is not None}))


def banned_tokens(model: Model, files: TokenizerFiles, stops: Sequence[int]) -> tuple[int, ...]:
    """The tokens that are never drawn: those that a model obeys, but for the stops, and numbers
    beyond the tokenizer, which a model's head often has.
    """
    text = model.config.get("text_config") or model.config
    known = set(load_tokenizer(files.json).get_vocab(with_added_tokens=True).values())
    obeyed = set(special_tokens(files.json).ids.values())
    size = int(text.get("vocab_size") or 0)
    wrong = {number for number in range(size) if number not in known or number in obeyed}
    return tuple(sorted(wrong - set(stops)))
