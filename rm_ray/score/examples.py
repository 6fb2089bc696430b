"""Checks with examples of published rewards that a judge is asked as its authors asked it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rm_ray.engines.engine import Engine, answer_all
from rm_ray.engines.weights import Model
from rm_ray.errors import JudgeError
from rm_ray.judges.documents import example_columns
from rm_ray.judges.families import build_judge
from rm_ray.judges.judge import DocumentTokenizer, Judge, TokenIds
from rm_ray.judges.keys import JudgeSection


@dataclass(frozen=True)
class JudgeExamples:
    """JudgeExamples holds documents with published rewards."""

    documents: Sequence[tuple[Judge, TokenIds, float]] = ()
    """Per example: the judge to ask, the document's token ids, the published reward."""
    tolerance: float = 0.0
    """How far a reward may differ from the published one."""
    refuse: bool = False
    """Stop the run if a reward differs by more; if False, warn."""


def resolve_examples(section: JudgeSection, model: Model) -> JudgeExamples:
    """Tokenise the examples of a judge's configuration.

    Raises:
        JudgeError: the judge cannot be asked about one of the examples.
    """
    halves: dict[tuple[str, ...], tuple[DocumentTokenizer, Judge]] = {}
    documents = []
    for number, example in enumerate(section.examples, 1):
        inputs, columns = example_columns(example)
        kind = tuple(columns)
        halves[kind] = halves.get(kind) or build_judge(section, inputs, model)
        tokenizer, judge = halves[kind]
        tokenized = tokenizer.tokenize(columns)
        if tokenized.statuses[0] != "ok":
            raise JudgeError(
                f"judge.examples: example {number} cannot be judged: {tokenized.errors[0]}"
            )
        documents.append((judge, tokenized.ids[0], example.reward))
    return JudgeExamples(
        documents, section.examples_tolerance, section.on_wrong_example == "refuse"
    )


def disagreement(
    engine: Engine, examples: JudgeExamples, alive: Callable[[], None] = lambda: None
) -> str | None:
    """Describe the first example whose reward is not as published; None if all are.

    Args:
        engine: judges the examples.
        examples: the examples.
        alive: called after each step of the engine.

    Raises:
        Exception: any exception of the engine; the engine is broken then.
    """
    for number, (judge, ids, published) in enumerate(examples.documents, 1):
        questions = [question for look in judge.looks(ids) for question in look]
        answers = answer_all(engine, judge.prompts(ids, sorted(questions)), alive)
        verdict = judge.verdict(dict(zip(sorted(questions), answers, strict=True)), len(ids))
        reward = verdict.reward
        if reward is None or abs(reward - published) > examples.tolerance:
            shown = f"{reward:.6g}" if reward is not None else f"none ({verdict.error})"
            return (
                f"judge.examples: example {number} has the reward {shown} here, and its source "
                f"publishes {published:g} (tolerance {examples.tolerance:g}): the weights differ "
                "from the authors', or the model is asked in another way"
            )
    return None
