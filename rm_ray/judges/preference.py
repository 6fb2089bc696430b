"""The A/B preference judge: 64-token chunks, each judged after the text before it.

CPU half: documents -> token ids. GPU half: token ids -> prompts; label logits -> chunk rewards
-> reward. Knows nothing of engines. The format is Quest-AI/pretrain-rm-baseline-7b's:

    {context}\\n\\n<<JUDGEMENT_REGION>>\\n{chunk}\\n<</JUDGEMENT_REGION>>\\n\\n<<JUDGEMENT>>
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from rm_ray.chunks import ChunkRule
from rm_ray.config import JudgeConfig
from rm_ray.errors import JudgeError
from rm_ray.judges.text_prompts import TextPrompts
from rm_ray.model import Model
from rm_ray.tokens import encode, encode_all, load_tokenizer, plain_tokenizer
from rm_ray.windows import WindowRule, exact_minimum, judgeable, windows


@dataclass(frozen=True)
class PreferenceJudge:
    """Everything needed to ask, resolved and checked. Cheap to send to another machine.

    `label_ids`: the chosen label's token, then the rejected label's.
    """

    tokenizer_json: str
    label_ids: tuple[int, int]
    before: tuple[int, ...]
    after: tuple[int, ...]
    before_text: str
    after_text: str
    rule: WindowRule
    chunks: ChunkRule
    prompt: Literal["ids", "text"]

    @classmethod
    def of(cls, config: JudgeConfig, model: Model) -> "PreferenceJudge":
        """Resolve the labels and markers with the model's tokenizer.

        Raises:
            JudgeError: a label is not one token, or the model is too short for the context.
        """
        tokenizer_json = plain_tokenizer(model.tokenizer_json)
        tokenizer = load_tokenizer(tokenizer_json)
        judge = cls(
            tokenizer_json=tokenizer_json,
            label_ids=(
                _label_id(tokenizer_json, "chosen", config.chosen),
                _label_id(tokenizer_json, "rejected", config.rejected),
            ),
            before=tuple(encode(tokenizer, config.before_chunk)),
            after=tuple(encode(tokenizer, config.after_chunk)),
            before_text=config.before_chunk,
            after_text=config.after_chunk,
            rule=WindowRule.of(config),
            chunks=ChunkRule.of(config),
            prompt=config.prompt,
        )
        if judge.max_prompt_tokens + 1 > model.max_tokens:
            raise JudgeError(
                f"the model takes {model.max_tokens} tokens, and judge.context_tokens "
                f"{config.context_tokens} with its chunk and markers needs "
                f"{judge.max_prompt_tokens + 1}; lower --judge.context_tokens"
            )
        return judge

    @property
    def marker_tokens(self) -> int:
        """m: tokens of both markers together."""
        return len(self.before) + len(self.after)

    @property
    def max_prompt_tokens(self) -> int:
        """The longest prompt, tokens. Text cut inside characters may take a little more."""
        longest = self.rule.context + self.rule.chunk + self.marker_tokens
        return longest if self.prompt == "ids" else longest + self.rule.chunk

    def tokenize(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32]]:
        """Token ids of each document, as plain text."""
        return encode_all(load_tokenizer(self.tokenizer_json), texts)

    def judgeable(self, n_tokens: int) -> range:
        """Numbers of the chunks that can be judged, in a document of `n_tokens`."""
        return judgeable(n_tokens, self.rule)

    def looks(self, ids: npt.NDArray[np.int32]) -> list[list[int]]:
        """Numbers of the chunks to judge, look by look; one look unless judging may stop early."""
        document = b"" if self.chunks.is_all else ids.tobytes()
        return self.chunks.looks(self.judgeable(len(ids)), document)

    def chosen(self, ids: npt.NDArray[np.int32]) -> list[int]:
        """Numbers of all chunks that may be judged, ascending."""
        return sorted(chunk for look in self.looks(ids) for chunk in look)

    def decides(self, rewards: Sequence[float], n_tokens: int) -> bool:
        """Whether these chunk rewards are enough of a document of `n_tokens`."""
        stop = self.chunks.stop
        return stop is not None and stop.decides(rewards, len(self.judgeable(n_tokens)))

    def exact_minimum(self, n_tokens: int, chunks: Sequence[int] | None = None) -> int:
        """Fewest tokens an engine can forward for a document of `n_tokens`.

        Args:
            chunks: the numbers of those judged, ascending; all where it is None.
        """
        return exact_minimum(windows(n_tokens, self.rule, chunks), self.marker_tokens)

    def prompts(
        self, ids: npt.ArrayLike, chunks: Sequence[int] | None = None
    ) -> Iterator[npt.NDArray[np.int32]]:
        """One document's prompts as token ids, shortest context first, made as they are asked.

        Args:
            ids: [tokens].
            chunks: the numbers of those to judge, ascending; all where it is None.
        """
        tokens = np.asarray(ids, np.int32)
        asked = windows(len(tokens), self.rule, chunks)
        if self.prompt == "text":
            tokenizer = load_tokenizer(self.tokenizer_json)
            text = TextPrompts(tokenizer, tokens.tolist(), self.before_text, self.after_text)
            yield from (np.asarray(text.prompt(window), np.int32) for window in asked)
            return
        before, after = np.asarray(self.before, np.int32), np.asarray(self.after, np.int32)
        for window in asked:
            context, chunk = (
                tokens[window.start : window.middle],
                tokens[window.middle : window.stop],
            )
            yield np.concatenate([context, before, chunk, after])

    def chunk_reward(self, label_logits: npt.NDArray[np.float32]) -> float:
        """log P(A) - log P(B) of one window; the normaliser cancels, so logits will do."""
        return float(label_logits[0] - label_logits[1])


def mean_reward(chunk_rewards: Sequence[float]) -> float:
    """A document's reward: the float64 mean of its chunk rewards as stored (float32)."""
    return float(np.asarray(chunk_rewards, dtype=np.float32).mean(dtype=np.float64))


def _label_id(tokenizer_json: str, key: str, label: str) -> int:
    ids = encode(load_tokenizer(tokenizer_json), label)
    if len(ids) != 1:
        raise JudgeError(
            f"judge.{key}: the label {label!r} is {len(ids)} tokens in this tokenizer, not one"
        )
    return ids[0]
