"""Examples with published rewards: an engine that gives others is known at once."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.engines.read_outs import ClassLogits
from rm_ray.engines.weights import resolve_model
from rm_ray.errors import JudgeError
from rm_ray.judges.documents import example_columns
from rm_ray.judges.families import build_judge
from rm_ray.judges.keys import ExampleConfig
from rm_ray.judges.regression.keys import RegressionConfig
from rm_ray.score.examples import disagreement, resolve_examples
from tests import checkpoints
from tests.engines.small_engines import engine_of
from tests.jobs import run

PAIRS = (("what is the capital", "it was the capital of that", 1.0), ("what", "the", 1.0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    checkpoints.bert(folder)
    return folder


def section(folder, rewards, **more):
    examples = [
        {"prompt": prompt, "completion": completion, "reward": reward}
        for (prompt, completion, _), reward in zip(PAIRS, rewards, strict=True)
    ]
    return RegressionConfig(model=str(folder), alpha=10, examples=examples, **more)


def test_a_reward_that_is_not_as_published_is_named(folder):
    model = resolve_model(str(folder), None)
    engine = engine_of("transformers", folder, ClassLogits(1), 128)
    config = section(folder, (0.0, 0.0))
    inputs, _ = example_columns(config.examples[0])
    _, judge = build_judge(config, inputs, model)
    ids = [document for _, document, _ in resolve_examples(config, model).documents]
    found = []
    for document in ids:
        (prompt,) = judge.prompts(document, [0])
        engine.add(0, prompt)
        ((_, numbers),) = engine.step()
        found.append(10 * float(numbers[0]))
    agreed = resolve_examples(section(folder, found, examples_tolerance=1e-4), model)
    assert disagreement(engine, agreed) is None
    off = resolve_examples(section(folder, (found[0], found[1] + 0.06)), model)
    assert disagreement(engine, off) == (
        f"judge.examples: example 2 has the reward {found[1]:.6g} here, and its source publishes "
        f"{found[1] + 0.06:g} (tolerance 0.05): the weights differ from the authors', or the model "
        "is asked in another way"
    )


def test_an_example_that_is_no_document_is_refused(folder):
    config = section(folder, (0.0, 0.0))
    empty = ExampleConfig(prompt="what", completion="", reward=0)
    config = config.model_copy(update={"examples": [*config.examples, empty]})
    with pytest.raises(JudgeError, match="example 3 cannot be judged: the completion is empty"):
        resolve_examples(config, resolve_model(str(folder), None))


@pytest.mark.usefixtures("ray_cluster")
def test_a_run_stops_at_a_wrong_example_where_asked(folder, tmp_path, caplog):
    pq.write_table(pa.table({"q": ["what"] * 4, "a": ["the"] * 4}), tmp_path / "a.parquet")
    status, said = run(
        caplog, "--judge.examples", "[{prompt: what, completion: the, reward: 99}]",
        drop=("judge.context_tokens",), judge_model=folder, judge_family="regression",
        engine_name="transformers", judge_on_wrong_example="refuse", input_path=tmp_path,
        input_prompt="q", input_completion="a", input_id="null", output_path=tmp_path / "out",
    )  # fmt: skip
    assert status == 1 and "its source publishes 99" in said.splitlines()[-1]
    assert not list((tmp_path / "out" / "rewards").glob("*"))
