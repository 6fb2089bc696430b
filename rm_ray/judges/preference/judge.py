"""The A/B preference judge: 64-token chunks, each judged after the text before it.

The format is Quest-AI/pretrain-rm-baseline-7b's:

    {context}\\n\\n<<JUDGEMENT_REGION>>\\n{chunk}\\n<</JUDGEMENT_REGION>>\\n\\n<<JUDGEMENT>>

A question is the number of a chunk. The answer is the logits of both labels, and gives the reward
of that chunk.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from rm_ray.config import InputConfig
from rm_ray.engines.engine import Numbers, Prompt
from rm_ray.engines.heads import check_language_model
from rm_ray.engines.read_outs import LabelLogits
from rm_ray.engines.sharing import Asked
from rm_ray.engines.weights import Model
from rm_ray.errors import JudgeError
from rm_ray.judges.judge import (
    Answers,
    DocumentTokenizer,
    Judge,
    JudgedCounts,
    Questions,
    TokenIds,
    Verdict,
)
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.preference.chunks import ChunkRule, EarlyStop, standard_error
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.preference.markers import (
    Marker,
    marker_ids,
    read_marker,
    resolve_bos,
    resolve_labels,
    say_bos,
)
from rm_ray.judges.preference.rule_file import ALL, CalibratedRule
from rm_ray.judges.preference.text_prompts import TextPrompts
from rm_ray.judges.preference.windows import WindowRule, exact_minimum, judgeable, windows
from rm_ray.judges.text import TextTokenizer, text_column
from rm_ray.judges.tokens import TokenizerFiles, judge_tokenizer

# A harmless document begins with so many bits of its number.
NUMBER_BITS = 64


def build_preference(
    config: PreferenceConfig, inputs: InputConfig, model: Model
) -> tuple[DocumentTokenizer, Judge]:
    """Build both halves, with the labels and markers resolved by the model's tokenizer.

    Raises:
        ConfigError: the documents are not plain text.
        JudgeError: a label is not one token, the model takes fewer tokens than a prompt may have,
            or `judge.bos` asks for a BOS and the tokenizer has none.
    """
    column = text_column(inputs, config.family)
    check_language_model(model, config.family)
    files = judge_tokenizer(config, model)
    tokenizer_json = plain_tokenizer(files.json)
    judge = PreferenceJudge.of(config, files)
    say_bos(judge.bos, files)
    needed = judge.max_prompt_tokens + judge.read_out.answer_tokens
    if needed > model.max_tokens:
        raise JudgeError(
            f"the model takes {model.max_tokens} tokens, and a context of "
            f"{config.context_tokens} with its chunk and markers needs "
            f"{needed}; lower --judge.context_tokens"
        )
    return TextTokenizer(column, tokenizer_json), judge


@dataclass(frozen=True)
class PreferenceJudge:
    """A PreferenceJudge asks about chunks; it is resolved, checked and cheap to send elsewhere."""

    config: PreferenceConfig
    """The section `judge` of the configuration."""
    label_ids: tuple[int, int]
    """The chosen label's token, then the rejected label's."""
    bos: tuple[int, ...]
    """Tokens that every prompt begins with."""
    before: tuple[int, ...]
    """Tokens of the marker between the context and the chunk."""
    after: tuple[int, ...]
    """Tokens of the marker between the chunk and the label."""
    rule: WindowRule
    """Chooses the context of each chunk."""
    chunks: ChunkRule
    """Chooses the chunks to judge."""
    markers: tuple[Marker, Marker]
    """Both markers, as texts and special tokens."""
    tokenizer_json: str | None
    """The tokenizer with its special tokens, if prompts are the tokens of an assembled string;
    None if they are the document's own ids."""
    calibrated: CalibratedRule | None = None
    """The calibrated stop rule, with the bands of all groups; None to judge documents whole."""

    @classmethod
    def of(cls, config: PreferenceConfig, files: TokenizerFiles) -> "PreferenceJudge":
        """Resolve the labels, the markers and the BOS with the model's tokenizer.

        Raises:
            JudgeError: a label is not one token, or a BOS is asked for and there is none.
        """
        before = read_marker(config.before_chunk, files, special=config.special_markers)
        after = read_marker(config.after_chunk, files, special=config.special_markers)
        return cls(
            config=config,
            label_ids=resolve_labels(config, after, files),
            bos=resolve_bos(config.bos, before, files),
            before=marker_ids(before, files),
            after=marker_ids(after, files),
            rule=WindowRule.of(config),
            chunks=ChunkRule.of(config),
            markers=(before, after),
            tokenizer_json=files.json if config.prompt == "text" else None,
        )

    def with_rule(self, rule: CalibratedRule) -> "PreferenceJudge":
        """Return this judge with a stop rule."""
        return replace(self, calibrated=rule).for_document(0, ALL)

    @property
    def groups_by(self) -> tuple[str, ...]:
        """Return the columns that make the groups of the stop rule."""
        return self.calibrated.by if self.calibrated else ()

    def for_document(self, first_chunk: int, group: str) -> "PreferenceJudge":
        """Return the judge of a document: from this chunk on, up to where its group is clear.

        Early stops need the chunks from the front, so a later first chunk means that the document
        is judged to its end.
        """
        rule = self.calibrated
        band = rule.bands.get(group) if rule and not first_chunk else None
        stop = EarlyStop(rule.table, band) if rule and band else None
        return replace(self, chunks=replace(self.chunks, first=first_chunk, stop=stop))

    @property
    def read_out(self) -> LabelLogits:
        """Ask for both labels' logits; the normaliser cancels in a log ratio."""
        return LabelLogits(self.label_ids)

    @property
    def columns(self) -> pa.Schema:
        """Return the columns of chunk rewards, and of the reward's standard error."""
        return pa.schema(
            {
                "reward_stderr": pa.float32(),
                "chunk_rewards": pa.list_(pa.float32()),
                "judged_chunks": pa.list_(pa.int32()),
                "n_chunks": pa.int64(),
            }
        )

    @property
    def marker_tokens(self) -> int:
        """Return m: the tokens of both markers and the BOS together.

        Each window pays for its BOS, because the prefix cache holds whole blocks: the BOS moves the
        last token of the context into a block that no other window has.
        """
        return len(self.bos) + len(self.before) + len(self.after)

    @property
    def max_prompt_tokens(self) -> int:
        """Return the length of the longest prompt, in tokens.

        An assembled string may take a little more if chunks are cut inside characters.
        """
        longest = self.rule.context + self.rule.chunk + self.marker_tokens
        return longest + self.rule.chunk if self.tokenizer_json else longest

    @property
    def shared_step(self) -> int:
        """Return a chunk's tokens, since contexts grow by chunks; 1 for assembled strings."""
        return 1 if self.tokenizer_json else self.rule.chunk

    @property
    def stops_early(self) -> bool:
        """Return True if there is a stop rule."""
        return self.calibrated is not None

    def judgeable(self, n_tokens: int) -> range:
        """Return the numbers of the chunks that can be judged, in a document of `n_tokens`."""
        return judgeable(n_tokens, self.rule)

    def looks(self, ids: TokenIds) -> list[Questions]:
        """List the chunks to judge, look by look: one look if judging cannot stop early."""
        document = b"" if self.chunks.is_all else ids.tobytes()
        return [*self.chunks.looks(self.judgeable(len(ids)), document)]

    def prompts(self, ids: TokenIds, questions: Questions | None = None) -> Iterator[Prompt]:
        """Yield the windows' prompts, shortest context first, each made when it is asked for.

        Args:
            ids: the document's token ids, [tokens].
            questions: the numbers of the chunks to judge, ascending; None for all.
        """
        tokens = np.asarray(ids, np.int32)
        asked = windows(len(tokens), self.rule, questions)
        if self.tokenizer_json:
            text = TextPrompts(self.tokenizer_json, tokens.tolist(), *self.markers)
            yield from (np.asarray([*self.bos, *text.prompt(window)], np.int32) for window in asked)
            return
        for window in asked:
            context = tokens[window.start : window.middle]
            yield self.window(context, tokens[window.middle : window.stop])

    def window(self, context: TokenIds, chunk: TokenIds) -> Prompt:
        """Make the prompt of a chunk after its context, both as token ids."""
        parts = (self.bos, context, self.before, chunk, self.after)
        return np.concatenate([np.asarray(ids, np.int32) for ids in parts])

    def chunk_reward(self, label_logits: Numbers) -> float:
        """Return log P(A) - log P(B) of one window; the normaliser cancels, so logits suffice."""
        return float(label_logits[0] - label_logits[1])

    def enough(self, answers: Answers, n_tokens: int) -> bool:
        """Return True if the answers so far make the side of the cut clear."""
        stop = self.chunks.stop
        rewards = [self.chunk_reward(answers[number]) for number in sorted(answers)]
        return stop is not None and stop.decides(rewards, len(self.judgeable(n_tokens)))

    def verdict(self, answers: Answers, n_tokens: int) -> Verdict:
        """Make a verdict of the mean chunk reward; `failed` if a chunk reward is not finite."""
        numbers = sorted(answers)
        rewards = [self.chunk_reward(answers[number]) for number in numbers]
        for number, reward in zip(numbers, rewards, strict=True):
            if not math.isfinite(reward):
                error = f"the engine returned {reward} for chunk {number}"
                values = {"n_chunks": len(numbers), "judged_chunks": numbers}
                return Verdict("failed", error, more=values)
        if not rewards:
            return self.unscored(n_tokens, "too_short", "the document has no chunk to judge")
        chunks = len(self.judgeable(n_tokens))
        values = {
            "n_chunks": len(numbers),
            "reward_stderr": standard_error(rewards, chunks),
            "chunk_rewards": rewards,
            "judged_chunks": None if len(numbers) == chunks else numbers,
        }
        return Verdict("ok", reward=mean_reward(rewards), more=values)

    def unscored(self, n_tokens: int, status: str, error: str | None) -> Verdict:
        """Make the verdict of a document without chunk rewards.

        If the document was given up, its `n_chunks` counts all its chunks, else none.
        """
        chunks = len(self.judgeable(n_tokens)) if status == "failed" else 0
        return Verdict(status, error, more={"n_chunks": chunks})

    def work(self, rows: pa.Table) -> JudgedCounts:
        """Count the work of output rows from their lengths and their judged chunks."""
        counts, m = JudgedCounts(), self.marker_tokens
        judged = rows.column("judged_chunks").to_pylist()
        for n_tokens, chunks in zip(rows.column("n_tokens").to_pylist(), judged, strict=True):
            asked = list(windows(n_tokens, self.rule, chunks))
            minimum = exact_minimum(asked, m)
            counts.windows += len(asked)
            counts.prompt_tokens += sum(window.stop - window.start + m for window in asked)
            counts.minimum_tokens += minimum
            counts.whole_minimum_tokens += (
                minimum if chunks is None else self.exact_minimum(n_tokens)
            )
            counts.partly_judged += chunks is not None
        return counts

    def estimate(self, ids: TokenIds) -> JudgedCounts:
        """Count the windows and the fewest tokens to forward, as if every look were needed."""
        chosen = sorted(chunk for look in self.looks(ids) for chunk in look)
        minimum = self.exact_minimum(len(ids), chosen)
        whole = self.exact_minimum(len(ids))
        return JudgedCounts(windows=len(chosen), minimum_tokens=minimum, whole_minimum_tokens=whole)

    def asked(self, ids: TokenIds) -> Iterator[Asked]:
        """Describe the windows to a prefix cache, look by look; each shares its BOS and context."""
        chosen = (chunk for look in self.looks(ids) for chunk in look)
        for window in windows(len(ids), self.rule, chosen):
            context = window.middle - window.start
            tokens = window.stop - window.start + self.marker_tokens
            yield Asked(window.start, len(self.bos) + context, tokens)

    def exact_minimum(self, n_tokens: int, chunks: Sequence[int] | None = None) -> int:
        """Count the fewest tokens an engine can forward for a document of `n_tokens`.

        Args:
            n_tokens: the document's length.
            chunks: the numbers of the judged chunks, ascending; None for all.
        """
        return exact_minimum(windows(n_tokens, self.rule, chunks), self.marker_tokens)

    def harmless(self, n_tokens: int, number: int) -> TokenIds:
        """Make a document that repeats a label.

        It begins with the bits of `number`, written in both labels, so that documents differ and no
        cache has the answer.
        """
        few_are_enough = self.rule.judge_partial and self.rule.judge_first
        least = NUMBER_BITS if few_are_enough else 2 * self.rule.chunk
        ids = np.full(max(n_tokens, least), self.label_ids[0], np.int32)
        bits = [self.label_ids[number >> i & 1] for i in range(NUMBER_BITS)]
        ids[:NUMBER_BITS] = bits[: len(ids)]
        return ids

    def fingerprint(self) -> dict[str, Any]:
        """Return the settings that chunk rewards and their mean depend on, by name."""
        config = self.config
        return {
            "family": "preference",
            "judge.before_chunk": config.before_chunk,
            "judge.after_chunk": config.after_chunk,
            "judge.chosen": config.chosen,
            "judge.rejected": config.rejected,
            "label_ids": list(self.label_ids),
            **({"judge.bos": list(self.bos)} if self.bos else {}),
            **({"judge.special_markers": True} if config.special_markers else {}),
            "judge.prompt": config.prompt,
            "judge.chunks": config.chunks,
            "judge.chunks_seed": config.chunks_seed if config.chunks != "all" else None,
            "judge.adaptive": self.calibrated.settings() if self.calibrated else None,
            "judge.chunk_tokens": config.chunk_tokens,
            "judge.context_tokens": config.context_tokens,
            "judge.hop_tokens": config.hop,
            "judge.judge_first_chunk": config.judge_first_chunk,
            "judge.judge_partial_chunk": config.judge_partial_chunk,
            "read-out": "label logits",
            "head dtype": "float32",
        }


def mean_reward(chunk_rewards: Sequence[float]) -> float:
    """Return a document's reward: the float64 mean of its chunk rewards as stored (float32)."""
    return float(np.asarray(chunk_rewards, dtype=np.float32).mean(dtype=np.float64))
