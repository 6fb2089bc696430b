"""Windows: which tokens of a document are shown, and which are judged.

Pure arithmetic on token counts; knows nothing of tokenizers, prompts or engines. All numbers are
tokens unless they say otherwise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rm_ray.judges.preference.keys import PreferenceConfig


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
    def of(cls, judge: PreferenceConfig) -> "WindowRule":
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


def judgeable(n_tokens: int, rule: WindowRule) -> range:
    """Numbers of the chunks that can be judged, in a document of `n_tokens`."""
    whole, tail = divmod(n_tokens, rule.chunk)
    chunks = whole + (1 if tail and rule.judge_partial else 0)
    return range(0 if rule.judge_first else 1, max(chunks, 0 if rule.judge_first else 1))


def window_at(chunk: int, n_tokens: int, rule: WindowRule) -> Window:
    """The window that judges the document's chunk of this number."""
    middle = chunk * rule.chunk
    start = 0
    if middle > rule.context:
        # the first hop comes one chunk after a full context, the next ones as soon as it is again
        between = rule.context - rule.hop + rule.chunk
        since = (middle - rule.context - rule.chunk) % between
        start = middle - since - rule.hop
    return Window(start, middle, min(middle + rule.chunk, n_tokens))


def windows(
    n_tokens: int, rule: WindowRule, chunks: Iterable[int] | None = None
) -> Iterator[Window]:
    """The windows of a document of `n_tokens`, in the order of `chunks`; all where it is None."""
    numbers = judgeable(n_tokens, rule) if chunks is None else chunks
    return (window_at(chunk, n_tokens, rule) for chunk in numbers)


def exact_minimum(windows: Iterable[Window], marker_tokens: int) -> int:
    """Fewest tokens an engine can forward for one document's windows, prefixes shared.

    A window pays for the context that the one before has not shown (with every chunk judged: the
    chunk judged before), for its own chunk, and for the markers (`marker_tokens`, both together);
    after a hop it pays for its whole context, whose positions have changed. With every chunk
    judged, within `context`, this is n * (2 * chunk + m) - chunk for n chunks.

    Args:
        windows: shortest context first.
    """
    total = 0
    known_start, known_stop = 0, 0  # the context the engine has seen, from the window before
    for window in windows:
        shared = known_stop - known_start if window.start == known_start else 0
        total += window.middle - window.start - shared
        total += window.stop - window.middle + marker_tokens
        known_start, known_stop = window.start, window.middle
    return total
