"""Windows: which tokens of a document are shown, and which are judged.

Pure arithmetic on token counts; knows nothing of tokenizers, prompts or engines. All numbers are
tokens unless they say otherwise.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rm_ray.config import JudgeConfig


@dataclass(frozen=True)
class WindowRule:
    """How a document becomes windows.

    A context grows chunk by chunk up to `context` tokens; when the next would pass it, the context
    drops back to its last `hop` tokens and grows again. Dropping one chunk at a time instead would
    change the start of every prompt and make each pay for its whole context.
    """

    chunk: int
    context: int
    hop: int
    judge_first: bool = True
    judge_partial: bool = False

    @classmethod
    def of(cls, judge: JudgeConfig) -> "WindowRule":
        """The rule that a judge's configuration asks for."""
        return cls(
            chunk=judge.chunk_tokens,
            context=judge.context_tokens,
            hop=judge.hop,
            judge_first=judge.judge_first_chunk,
            judge_partial=judge.judge_partial_chunk,
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Token offsets in one document: context [start, middle), judged chunk [middle, stop)."""

    start: int
    middle: int
    stop: int


def windows(n_tokens: int, rule: WindowRule) -> Iterator[Window]:
    """The windows of a document of `n_tokens`, shortest context first."""
    start = 0
    for middle in range(0, n_tokens, rule.chunk):
        stop = min(middle + rule.chunk, n_tokens)
        if stop - middle < rule.chunk and not rule.judge_partial:
            return
        if middle - start > rule.context:
            start = middle - rule.hop
        if middle > 0 or rule.judge_first:
            yield Window(start, middle, stop)


def count_windows(n_tokens: int, rule: WindowRule) -> int:
    """How many windows `windows` yields."""
    whole, tail = divmod(n_tokens, rule.chunk)
    chunks = whole + (1 if tail and rule.judge_partial else 0)
    return max(0, chunks if rule.judge_first else chunks - 1)


def exact_minimum(n_tokens: int, rule: WindowRule, marker_tokens: int) -> int:
    """Fewest tokens an engine can forward for one document's windows, prefixes shared.

    A window repeats the chunk judged before it as context, and pays for its region and the
    markers (`marker_tokens`, both together); after a hop it pays for its whole context, whose
    positions have changed. Within `context` this is n * (2 * chunk + m) - chunk for n chunks.
    """
    total = 0
    known_start, known_stop = 0, 0  # the context the engine has seen, from the window before
    for window in windows(n_tokens, rule):
        shared = known_stop - known_start if window.start == known_start else 0
        total += window.middle - window.start - shared
        total += window.stop - window.middle + marker_tokens
        known_start, known_stop = window.start, window.middle
    return total
