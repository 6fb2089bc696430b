"""Windows: choose the tokens of a document that are shown as context, and those that are judged.

Pure arithmetic on token counts, without tokenizers, prompts or engines. All numbers are tokens,
unless another unit is named.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rm_ray.judges.preference.keys import PreferenceConfig


@dataclass(frozen=True)
class WindowRule:
    """A WindowRule says how a document becomes windows.

    The context grows chunk by chunk up to `context` tokens. When the next chunk would exceed that,
    the context drops back to its last `hop` tokens and grows again. If it dropped one chunk at a
    time instead, every prompt would start differently, and the engine would have to forward every
    context in full.
    """

    chunk: int
    """Tokens of one chunk."""
    context: int
    """Most tokens of context before a chunk."""
    hop: int
    """Tokens of context that are kept when a full context drops back."""
    judge_first: bool = True
    """Judge the first chunk too, with an empty context."""
    judge_partial: bool = False
    """Judge a last chunk that is shorter than `chunk` too."""

    @classmethod
    def of(cls, judge: PreferenceConfig) -> "WindowRule":
        """Make the rule that a judge's configuration asks for."""
        return cls(
            chunk=judge.chunk_tokens,
            context=judge.context_tokens,
            hop=judge.hop,
            judge_first=judge.judge_first_chunk,
            judge_partial=judge.judge_partial_chunk,
        )


@dataclass(frozen=True, slots=True)
class Window:
    """A Window is a judged chunk and the context before it, as token offsets in one document."""

    start: int
    """The first token of the context."""
    middle: int
    """The first token of the chunk; the context ends before it."""
    stop: int
    """The token after the chunk's last one."""


def judgeable(n_tokens: int, rule: WindowRule) -> range:
    """Return the numbers of the chunks that can be judged, in a document of `n_tokens`."""
    whole, tail = divmod(n_tokens, rule.chunk)
    chunks = whole + (1 if tail and rule.judge_partial else 0)
    return range(0 if rule.judge_first else 1, max(chunks, 0 if rule.judge_first else 1))


def window_at(chunk: int, n_tokens: int, rule: WindowRule) -> Window:
    """Return the window that judges chunk number `chunk` of a document of `n_tokens`."""
    middle = chunk * rule.chunk
    start = 0
    if middle > rule.context:
        # the context first drops back one chunk after it was full, and then each time it is full
        between = rule.context - rule.hop + rule.chunk
        since = (middle - rule.context - rule.chunk) % between
        start = middle - since - rule.hop
    return Window(start, middle, min(middle + rule.chunk, n_tokens))


def windows(
    n_tokens: int, rule: WindowRule, chunks: Iterable[int] | None = None
) -> Iterator[Window]:
    """Yield the windows of a document of `n_tokens`.

    Args:
        n_tokens: the document's length.
        rule: the rule for windows.
        chunks: the numbers of the chunks to judge, in order; None for all.
    """
    numbers = judgeable(n_tokens, rule) if chunks is None else chunks
    return (window_at(chunk, n_tokens, rule) for chunk in numbers)


def exact_minimum(windows: Iterable[Window], marker_tokens: int) -> int:
    """Count the fewest tokens an engine can forward for one document's windows, prefixes shared.

    For each window it forwards:

    - the context that the window before did not show: if every chunk is judged, the chunk judged
      before. After a hop, the whole context, because its positions have changed;
    - the chunk itself;
    - the markers.

    If every chunk of n is judged and no context drops back, this is n * (2 * chunk + m) - chunk,
    with m marker tokens.

    Args:
        windows: the windows, shortest context first.
        marker_tokens: tokens of both markers together.
    """
    total = 0
    known_start, known_stop = 0, 0  # the context the engine has seen, from the window before
    for window in windows:
        shared = known_stop - known_start if window.start == known_start else 0
        total += window.middle - window.start - shared
        total += window.stop - window.middle + marker_tokens
        known_start, known_stop = window.start, window.middle
    return total
