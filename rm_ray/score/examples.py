"""Examples with published rewards: whether a judge is asked as its authors asked it."""

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
class Examples:
    """Documents with the judge that is asked about them, and their published rewards. `refuse`: a
    run that differs is to stop.
    """

    documents: Sequence[tuple[Judge, TokenIds, float]] = ()
    tolerance: float = 0.0
    refuse: bool = False


def resolve_examples(section: JudgeSection, model: Model) -> Examples:
    """The examples of a judge, tokenised.

    Raises:
        JudgeError: one of them is no document that the judge could be asked about.
    """
    halves: dict[tuple[str, ...], tuple[DocumentTokenizer, Judge]] = {}
    documents = []
    for number, example in enumerate(section.examples, 1):
        inputs, columns = example_columns(example)
        kind = tuple(columns)
        halves[kind] = halves.get(kind) or build_judge(section, inputs, model)
        tokenizer, judge = halves[kind]
        found = tokenizer.tokenize(columns)
        if found.statuses[0] != "ok":
            raise JudgeError(
                f"judge.examples: example {number} cannot be judged: {found.errors[0]}"
            )
        documents.append((judge, found.ids[0], example.reward))
    return Examples(documents, section.examples_tolerance, section.on_wrong_example == "refuse")


def disagreement(
    engine: Engine, examples: Examples, alive: Callable[[], None] = lambda: None
) -> str | None:
    """What is wrong with the first reward that is not as published; None if all are.

    Raises:
        Exception: whatever the engine does; it is broken then.
    """
    for number, (judge, ids, published) in enumerate(examples.documents, 1):
        questions = [one for look in judge.looks(ids) for one in look]
        answers = answer_all(engine, judge.prompts(ids, sorted(questions)), alive)
        verdict = judge.verdict(dict(zip(sorted(questions), answers, strict=True)), len(ids))
        reward = verdict.reward
        if reward is None or abs(reward - published) > examples.tolerance:
            found = f"{reward:.6g}" if reward is not None else f"none ({verdict.error})"
            return (
                f"judge.examples: example {number} has the reward {found} here, and its source "
                f"publishes {published:g} (tolerance {examples.tolerance:g}): these are other "
                "weights, or they are not asked as their authors asked them"
            )
    return None
