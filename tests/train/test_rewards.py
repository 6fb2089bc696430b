"""Learning from the rewards of another judge."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.corpus.sample import RowSample
from rm_ray.errors import InputError
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.tokens import read_tokenizer, tokenizer_digest
from rm_ray.pairs.table import TRAIN, VALIDATION
from rm_ray.train.card import trained_judge
from rm_ray.train.checkpoints import Checkpoints
from rm_ray.train.config import TrainConfig
from rm_ray.train.export import export
from rm_ray.train.job import TrainingLook
from rm_ray.train.loop import train
from rm_ray.train.verify import rewards_of, settings_of
from tests.conftest import TINY_JUDGE, tiny_judge
from tests.jobs import prose
from tests.scored_runs import fabricate
from tests.train.tasks import KEYS

ROWS, WORDS = 60, 160
pytestmark = pytest.mark.vllm


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Sixty documents, of which one has no text."""
    folder = tmp_path_factory.mktemp("rewards") / "corpus"
    folder.mkdir()
    rng = random.Random(0)
    texts = [prose(rng, WORDS) for _ in range(ROWS)]
    texts[7] = None
    pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), folder / "a.parquet")
    return folder


def scored(corpus, output, *, chunk_tokens=64):
    """A run whose chunk rewards are 10 times the row's number, and the chunk's added."""
    tokenizer, _ = tiny_judge()
    texts = pq.read_table(corpus / "a.parquet").column("text").to_pylist()
    lengths = [len(ids) for ids in tokenizer.tokenize({"text": pa.array(texts, pa.string())}).ids]

    def rewards(shard):
        rows = range(shard.start, shard.stop)
        chunks = [[10.0 * row + k for k in range(lengths[row] // 64)] for row in rows]
        ok = [texts[row] is not None for row in rows]
        means = [
            float(np.mean(one)) if fine else None for one, fine in zip(chunks, ok, strict=True)
        ]
        return pa.table(
            {
                "reward": pa.array(means, pa.float32()),
                "status": ["ok" if one else "empty" for one in ok],
                "chunk_rewards": pa.array(
                    [c if fine else None for c, fine in zip(chunks, ok, strict=True)],
                    pa.list_(pa.float32()),
                ),
                "judged_chunks": pa.nulls(len(rows), pa.list_(pa.int32())),
            }
        )

    fabricate(output, corpus, rewards, shard_rows=25, fingerprint=facts(chunk_tokens))
    return output


def facts(chunk_tokens=64):
    """Return how a run describes the chunks of its rewards."""
    plain = plain_tokenizer(read_tokenizer(str(TINY_JUDGE), None).json)
    known = {"family": "preference", "tokenizer": tokenizer_digest(plain)}
    return known | {"judge.chunk_tokens": chunk_tokens}


def look(run, output, judge, **train):
    keys = {**KEYS, "judge": judge, "validation": {"every_steps": 3, "pairs": 100}}
    keys["train"] = {**KEYS["train"], "objective": "rewards", **train}
    rewards = {"path": str(run), "validation": 0.3}
    return TrainingLook(TrainConfig(rewards=rewards, output={"path": str(output)}, **keys))


def test_chunk_rewards_are_those_of_their_windows(corpus, tmp_path):
    run = scored(corpus, tmp_path / "scored")
    one = look(run, tmp_path / "out", KEYS["judge"])
    _, judge = tiny_judge(context_tokens=256)
    tokenizer, _ = tiny_judge()
    texts = pq.read_table(corpus / "a.parquet").column("text")
    rows = []
    for split in (TRAIN, VALIDATION):
        examples = one.source.load(split, one.config)
        assert len(examples.wanted) == sum(one.source.counts[split].values())
        rows.append({row for _, row in examples.places})
        for number in (0, len(examples.wanted) - 1):
            row = examples.places[examples.documents[number]][1]
            chunk = int(examples.chunks[number])
            assert examples.wanted[number] == 10.0 * row + chunk
            (ids,) = tokenizer.tokenize({"text": texts.slice(row, 1).combine_chunks()}).ids
            (window,) = judge.prompts(ids, [chunk])
            assert examples.prompts(number)[0].tolist() == window.tolist()
        numbers = list(range(6))
        plain = examples.batch(numbers, packed=False, targets=False)
        packed = examples.batch(numbers, packed=True, targets=False)
        assert packed["input_ids"].numel() < plain["input_ids"].numel()
    assert not rows[0] & rows[1] and rows[0] | rows[1] == set(range(ROWS)) - {7}


def test_the_sample_of_a_corpus_has_both_splits_and_validation_is_of_all_files(tmp_path):
    """The rows that `input.sample_fraction` takes have low numbers in its own choice only."""
    text = " ".join(["word"] * 200)
    (corpus := tmp_path / "corpus").mkdir()
    for name in ("a", "b"):
        pq.write_table(pa.table({"text": [text] * 2000}), corpus / f"{name}.parquet")

    def rewards(shard):
        rows = RowSample(0.05, 0).chosen(shard.file, shard.start, shard.stop)
        chunks = pa.array([[1.0]] * len(rows), pa.list_(pa.float32()))
        return pa.table(
            {
                "row": rows, "reward": pa.array([1.0] * len(rows), pa.float32()),
                "status": ["ok"] * len(rows), "chunk_rewards": chunks,
                "judged_chunks": pa.nulls(len(rows), pa.list_(pa.int32())),
            }
        )  # fmt: skip

    fabricate(tmp_path / "scored", corpus, rewards, shard_rows=500, fingerprint=facts())
    source = look(tmp_path / "scored", tmp_path / "out", KEYS["judge"]).source
    counts = {split: kinds["ok"] for split, kinds in source.counts.items()}
    assert sum(counts.values()) == source.total == pytest.approx(200, abs=60)
    assert counts[VALIDATION] / source.total == pytest.approx(0.3, abs=0.1)

    halved = replace(source, config=source.config.model_copy(update={"documents": 100})).counted()
    assert sum(kinds["ok"] for kinds in halved.counts.values()) == pytest.approx(100, abs=30)

    config = TrainConfig(
        rewards={"path": str(tmp_path / "scored"), "validation": 0.3},
        output={"path": str(tmp_path / "out")},
        **{**KEYS, "train": {"objective": "rewards"}, "validation": {"pairs": 12}},
    )
    places = source.load(VALIDATION, config).places
    assert len(places) == len(set(places)) == 12
    assert {Path(file).stem for file, _ in places} == {"a", "b"}


def test_chunks_of_another_size_are_refused(corpus, tmp_path):
    run = scored(corpus, tmp_path / "scored", chunk_tokens=32)
    with pytest.raises(
        InputError, match=r"have another judge.chunk_tokens \(32\) than this judge \(64\)"
    ):
        look(run, tmp_path / "out", KEYS["judge"])


def test_a_small_classifier_learns_and_is_the_one_that_runs(corpus, tmp_path):
    student = tmp_path / "student"
    student.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY_JUDGE / name, student / name)
    described = json.loads((TINY_JUDGE / "config.json").read_text())
    described |= {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    described |= {
        "num_key_value_heads": 2,
        "num_hidden_layers": 1,
        "layer_types": ["full_attention"],
    }
    (student / "config.json").write_text(json.dumps(described))
    run = scored(corpus, tmp_path / "scored")
    judge = {"family": "classifier", "model": str(student), "max_tokens": 128}
    found = look(run, tmp_path / "out", judge, from_scratch=True)
    task = found.task
    mean, deviation = task.source.scale
    learnt = task.source.load(TRAIN, task.config)
    assert learnt.wanted.mean() == pytest.approx(0, abs=1e-6)
    assert learnt.wanted.std() == pytest.approx(1)
    row = learnt.places[3][1]
    assert learnt.wanted[3] * deviation + mean == pytest.approx(10 * row + 1.5, abs=1.01)
    train(task)
    export(task, Checkpoints(task.output, 2).last())
    section = type(task.config.judge)(
        **trained_judge(task.config.judge, str(tmp_path / "out" / "judge"))
    )
    assert section.max_tokens == 128
    told = json.loads((tmp_path / "out/_rm_ray/trained.json").read_text())
    assert {"validation_loss", "validation_rank_correlation"} <= told["metrics"].keys()
    validation = task.source.load(VALIDATION, task.config)
    prompts = [prompt for number in told["numbers"] for prompt in validation.prompts(number)]
    rewards = rewards_of(settings_of(task.config, section, "transformers"), prompts)
    # the head is in the teacher's units
    assert np.array(rewards) == pytest.approx(deviation * np.array(told["rewards"]), abs=1e-3)
    assert task.source.told["Its rewards are"].startswith("that judge's rewards minus their mean")
