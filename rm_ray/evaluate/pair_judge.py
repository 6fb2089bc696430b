"""A preference judge of pairs: two windows per pair, one reward.

The reward of a pair is its margin: the log ratio of the chosen chunk minus the log ratio of the
rejected one. Above 0, the judge is right. A question is twice the number of a chunk's tokens, plus
one for the rejected chunk, so that a verdict can be made from the answers without the pair.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.engines.engine import Prompt
from rm_ray.engines.read_outs import LabelLogits
from rm_ray.engines.sharing import Asked
from rm_ray.evaluate.pair_tokens import joined, parted
from rm_ray.judges.judge import Answers, JudgedCounts, Questions, TokenIds, Verdict
from rm_ray.judges.preference.judge import PreferenceJudge

LENGTHS = ("context_tokens", "chosen_tokens", "rejected_tokens")


@dataclass(frozen=True)
class PairJudge:
    """A PairJudge asks `inner` about the chosen and the rejected chunk, each after the prompt.

    A chunk longer than the judge's chunks is cut to that length. A prompt longer than the judge's
    context keeps its last whole chunks.
    """

    inner: PreferenceJudge
    """The preference judge."""

    @property
    def read_out(self) -> LabelLogits:
        """Return how to read an answer: as the logits of both labels."""
        return self.inner.read_out

    @property
    def max_prompt_tokens(self) -> int:
        """Return the length of the longest prompt, in tokens."""
        return self.inner.max_prompt_tokens

    @property
    def shared_step(self) -> int:
        """Return the inner judge's step: both prompts of a pair are equal up to the end of
        the context.
        """
        return self.inner.shared_step

    @property
    def stops_early(self) -> bool:
        """Return False, because both chunks are always judged."""
        return False

    @property
    def groups_by(self) -> tuple[str, ...]:
        """Return no columns: all pairs are asked about alike."""
        return ()

    def for_document(self, first_chunk: int, group: str) -> "PairJudge":
        """Return this judge: both chunks of a pair are always judged."""
        del first_chunk, group
        return self

    @property
    def columns(self) -> pa.Schema:
        """Return the columns of a pair: the rewards of both chunks, and its numbers of tokens.

        `cut_tokens` is the number of tokens of the chunks that were in no window.
        """
        rewards = {name: pa.float32() for name in ("chosen_reward", "rejected_reward")}
        lengths = {name: pa.int32() for name in (*LENGTHS, "cut_tokens")}
        return pa.schema(rewards | lengths)

    def looks(self, ids: TokenIds) -> list[Questions]:
        """Return the questions about both chunks, in one look; no look for a pair without ids."""
        if not len(ids):
            return []
        _, chosen, rejected = parted(ids)
        return [[2 * len(chosen), 2 * len(rejected) + 1]]

    def prompts(self, ids: TokenIds, questions: Questions) -> Iterator[Prompt]:
        """Yield the windows of the questions."""
        prompt, *chunks = parted(ids)
        context = prompt[len(prompt) - self._shown(len(prompt)) :]
        for question in questions:
            chunk = chunks[question % 2]
            yield self.inner.window(context, chunk[: self.inner.rule.chunk])

    def enough(self, answers: Answers, n_tokens: int) -> bool:
        """Return True, because there is only one look."""
        del answers, n_tokens
        return True

    def verdict(self, answers: Answers, n_tokens: int) -> Verdict:
        """Return the margin as the reward; the status failed if a reward is not finite."""
        sides = {question % 2: (question // 2, answer) for question, answer in answers.items()}
        if len(sides) < 2:
            return self.unscored(n_tokens, "empty", "the pair has no ids")
        lengths = [sides[side][0] for side in (0, 1)]
        rewards = [self.inner.chunk_reward(sides[side][1]) for side in (0, 1)]
        extra: dict[str, Any] = dict(zip(LENGTHS, (n_tokens - sum(lengths), *lengths), strict=True))
        extra["cut_tokens"] = sum(max(0, length - self.inner.rule.chunk) for length in lengths)
        if not all(map(math.isfinite, rewards)):
            return Verdict(
                "failed", f"the engine returned {rewards[0]} and {rewards[1]}", more=extra
            )
        extra |= {"chosen_reward": rewards[0], "rejected_reward": rewards[1]}
        return Verdict("ok", reward=rewards[0] - rewards[1], more=extra)

    def unscored(self, n_tokens: int, status: str, error: str | None) -> Verdict:
        """Return the verdict of a pair without answers."""
        del n_tokens
        return Verdict(status, error)

    def work(self, rows: pa.Table) -> JudgedCounts:
        """Count the work for judged rows: two windows per pair. Rows without token counts are
        left out.
        """
        rows = rows.filter(pc.is_valid(rows.column("chosen_tokens")))
        counts = JudgedCounts()
        lengths = (rows.column(name).to_pylist() for name in LENGTHS)
        for context, *chunks in zip(*lengths, strict=True):
            counts += self._work(context, chunks)
        return counts

    def estimate(self, ids: TokenIds) -> JudgedCounts:
        """Count the work for a pair from its ids."""
        if not len(ids):
            return JudgedCounts()
        prompt, *chunks = parted(ids)
        return self._work(len(prompt), [len(chunk) for chunk in chunks])

    def asked(self, ids: TokenIds) -> Iterator[Asked]:
        """Yield the sizes of the two windows; they share the BOS and the context."""
        if len(ids):
            prompt, *chunks = parted(ids)
            shown = self._shown(len(prompt))
            for chunk in chunks:
                tokens = shown + min(len(chunk), self.inner.rule.chunk) + self.inner.marker_tokens
                yield Asked(0, len(self.inner.bos) + shown, tokens)

    def harmless(self, n_tokens: int, number: int) -> TokenIds:
        """Make a pair from the inner judge's harmless document; both chunks are the same."""
        chunk = self.inner.rule.chunk
        ids = self.inner.harmless(max(n_tokens, 3 * chunk), number)
        whole = (len(ids) - 2 * chunk) // chunk * chunk
        return joined(ids[:whole], ids[whole : whole + chunk], ids[whole : whole + chunk])

    def fingerprint(self) -> dict[str, Any]:
        """Return all values that rewards depend on, and a mark for pairs."""
        return {**self.inner.fingerprint(), "asked about": "pairs"}

    def _shown(self, prompt_tokens: int) -> int:
        """Return the number of prompt tokens that are shown: all, or the last `context` tokens."""
        most = self.inner.rule.context
        return prompt_tokens if prompt_tokens <= most else most

    def _work(self, context: int, chunks: list[int]) -> JudgedCounts:
        shown, markers = self._shown(context), self.inner.marker_tokens
        judged = [min(length, self.inner.rule.chunk) for length in chunks]
        minimum = shown + sum(judged) + 2 * markers
        return JudgedCounts(
            windows=2,
            prompt_tokens=2 * shown + sum(judged) + 2 * markers,
            minimum_tokens=minimum,
            whole_minimum_tokens=minimum,
        )


def pair_judge(judge: PreferenceJudge) -> PairJudge:
    """Return a judge of pairs around this judge. Ids are shown unchanged."""
    return PairJudge(replace(judge, tokenizer_json=None))
