"""Every judge under jobs/judges through the real job, and compared.

Rewards are compared with what the model's authors do: their tokenizer, a prompt at a time, plain
transformers.
"""

import json
import random
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from rm_ray.score.__main__ import main
from tests import checkpoints
from tests.conftest import ROOT, TINY_JUDGE
from tests.engines.quantile_formulas import HEADER, reference_quantiles
from tests.jobs import (
    judged_here,
    options,
    parts,
    prose,
    read_rewards,
    run,
)

pytestmark = pytest.mark.usefixtures("ray_cluster")

JUDGES = ROOT / "jobs" / "judges"
ROWS = 120
EMPTY = 5  # the row without a text
DATE = "26 Jul 2024"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Texts, pairs and chats, some longer than the tiny models are, one null in each column."""
    folder = tmp_path_factory.mktemp("families")
    rng = random.Random(4)
    texts = [prose(rng, rng.choice((5, 40, 120, 300))) for _ in range(ROWS)]
    prompts = [prose(rng, rng.randint(3, 12)) for _ in range(ROWS)]
    chats = [
        [{"role": "user", "content": one}, {"role": "assistant", "content": other}]
        for one, other in zip(prompts, texts, strict=True)
    ]
    columns = {"id": list(range(ROWS)), "text": texts, "prompt": prompts, "completion": texts,
               "chat": [json.dumps(chat) for chat in chats]}  # fmt: skip
    columns["text"][EMPTY] = columns["chat"][EMPTY] = None
    pq.write_table(pa.table(columns), folder / "a.parquet", row_group_size=40)
    return folder


def texts_of(corpus):
    return pq.read_table(corpus / "a.parquet").to_pylist()


def chai(folder, row):
    tokenizer = AutoTokenizer.from_pretrained(folder, truncation_side="left")
    ids = tokenizer(row["text"], truncation=True, max_length=256)["input_ids"]
    logits = logits_of(folder, ids)
    return {"reward": float(torch.softmax(logits, 0)[1]), "logits": logits.tolist()}


def fineweb(folder, row):
    ids = AutoTokenizer.from_pretrained(folder)(row["text"], truncation=True, max_length=128)
    return {"reward": float(logits_of(folder, ids["input_ids"])[0])}


def reward_model(folder, row):
    ids = pair_of(folder, row)
    model = cached(AutoModel, folder, trust_remote_code=True)
    with torch.no_grad():
        return {"reward": model(ids, torch.ones_like(ids), alpha=10).item()}


def reward_model_pt(folder, row):
    return {"reward": float(logits_of(folder, pair_of(folder, row)[0].tolist())[0])}


def pair_of(folder, row):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return tokenizer(row["prompt"], row["completion"], truncation=True, max_length=128,
                     return_token_type_ids=False, return_tensors="pt")["input_ids"]  # fmt: skip


def chat_of(folder, row, most):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = tokenizer.apply_chat_template(json.loads(row["chat"]), tokenize=False, date_string=DATE)
    return tokenizer(text, add_special_tokens=False)["input_ids"][-most:]


def skywork(folder, row):
    return {"reward": float(logits_of(folder, chat_of(folder, row, 1024))[0])}


def qrm(folder, row):
    ids = np.array(chat_of(folder, row, 1024), np.int32)
    header = len(HEADER)
    (*_, gate) = (i for i in range(len(ids)) if tuple(ids[i : i + header]) == HEADER)
    numbers = reference_quantiles(folder, ids, gate)
    return {"reward": numbers[38], "reward_quantiles": numbers[:19].tolist(),
            "attributes": numbers[19:38].tolist()}  # fmt: skip


def reranker(folder, row):
    tokenizer, keys = AutoTokenizer.from_pretrained(folder), judge_file("qwen3-reranker")
    text = keys["before_chunk"] + row["text"] + keys["after_chunk"]
    ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        logits = cached(AutoModelForCausalLM, folder)(ids).logits[0, -1]
    yes, no = (tokenizer(word)["input_ids"] for word in ("Y", "N"))
    return {"reward": float(logits[yes[0]] - logits[no[0]])}


def judge_file(name):
    import yaml

    return yaml.safe_load((JUDGES / f"{name}.yaml").read_text())


_MODELS = {}


def cached(kind, folder, **more):
    key = kind, folder
    if key not in _MODELS:
        _MODELS[key] = kind.from_pretrained(folder, **more).eval()
    return _MODELS[key]


def logits_of(folder, ids):
    with torch.no_grad():
        return cached(AutoModelForSequenceClassification, folder)(torch.tensor([ids])).logits[0]


# checkpoint, the authors' way, options, columns of the family
CASES = {
    "pretrain-rm-baseline-7b": (
        None, None, {},
        ["reward_stderr", "chunk_rewards", "judged_chunks", "n_chunks"],
    ),
    "chai-retry-and-continue": (checkpoints.gpt2, chai, {}, ["truncated_tokens", "logits"]),
    "reward-model": (
        checkpoints.reward_model, reward_model, {"judge_max_tokens": 128}, ["truncated_tokens"],
    ),
    "reward-model-pt": (
        checkpoints.bert, reward_model_pt, {"judge_max_tokens": 128}, ["truncated_tokens"],
    ),
    "qrm-llama3.1-8b": (
        checkpoints.quantile, qrm, {"judge_max_tokens": 1024, "input_messages": "chat"},
        ["truncated_tokens", "reward_quantiles", "attributes"],
    ),
    "skywork-reward": (
        checkpoints.qwen3, skywork, {"judge_max_tokens": 1024, "input_messages": "chat"},
        ["truncated_tokens"],
    ),
    "fineweb-edu-classifier": (
        checkpoints.bert, fineweb, {"judge_max_tokens": 128, "judge_examples_tolerance": 0},
        ["truncated_tokens"],
    ),
    "qwen3-reranker": (
        checkpoints.reranker, reranker,
        {"judge_chosen": "Y", "judge_rejected": "N", "judge_chunk_tokens": 1024},
        ["reward_stderr", "chunk_rewards", "judged_chunks", "n_chunks"],
    ),
}  # fmt: skip


def test_every_judge_has_a_case_and_says_where_it_comes_from():
    files = sorted(JUDGES.glob("*.yaml"))
    assert sorted(file.stem for file in files) == sorted(CASES)
    for file in files:
        said = file.read_text()
        for word in ("source", "licence", "input", "output", "mind"):
            assert re.search(rf"^#   {word} ", said, re.MULTILINE), (file.name, word)


@pytest.mark.parametrize("name", CASES)
def test_a_judge_says_what_its_authors_would(name, corpus, tmp_path, caplog, vllm_engine):
    make, authors, changes, columns = CASES[name]
    model, output = tmp_path / "model", tmp_path / "out"
    model.mkdir()
    if make:
        make(model)
    words = {
        "judge": JUDGES / f"{name}.yaml", "judge_model": model if make else TINY_JUDGE,
        "input_path": corpus, "output_path": output, "shard_rows": 20, **changes,
    }  # fmt: skip
    if name == "chai-retry-and-continue":
        words["judge_tokenizer"] = model
    drop = () if name == "pretrain-rm-baseline-7b" else ("judge.context_tokens",)
    status, said = run(caplog, drop=drop, **words)
    assert status == 0, said
    assert len(parts(output)) == ROWS // 20
    assert ("judge.examples: example 1 has the reward" in said) == ("examples" in judge_file(name))
    rows = read_rewards(output)
    assert list(rows[0])[5:] == ["status", "error", *columns]
    compare(rows, texts_of(corpus), authors, model, vllm_engine)


def compare(rows, corpus, authors, model, engine):
    assert [row["row"] for row in rows] == list(range(ROWS))
    if authors is None:
        expected = judged_here([row["text"] or "" for row in corpus], engine)
        assert [row["reward"] for row in rows] == pytest.approx(expected, abs=1e-3)
        return
    spread = []
    for row, document in list(zip(rows, corpus, strict=True))[::5]:
        if row["row"] == EMPTY:
            assert row["status"] == "empty" and row["reward"] is None
            continue
        for column, value in authors(model, document).items():
            found = row[column]
            if column == "attributes":
                found = list(found.values())
            assert found == pytest.approx(value, abs=1e-3), (column, document["id"])
        spread.append(row["reward"])
    assert np.std(spread) > 1e-4


def test_a_dry_run_counts_prompts_and_their_tokens(corpus, tmp_path, capsys):
    """Sampled are all of the few row groups' documents here, so that the estimate is exact."""
    checkpoints.gpt2(tmp_path)
    words = options(
        drop=("judge.context_tokens",), judge=JUDGES / "chai-retry-and-continue.yaml",
        judge_model=tmp_path, judge_tokenizer=tmp_path, input_path=corpus, judge_max_tokens=100,
        output_path=tmp_path / "out",
    )  # fmt: skip
    assert main([*words, "--dry-run"]) == 0
    page = capsys.readouterr().out
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    lengths = [len(tokenizer(row["text"])["input_ids"]) for row in texts_of(corpus) if row["text"]]
    said = {name: int(found.replace(",", "")) for name, found in
            re.findall(r"^  (\w+) +([\d,]+)", page, re.MULTILINE)}  # fmt: skip
    assert said["tokens"] == sum(lengths) and said["windows"] == len(lengths)
    assert said["forwarded"] == sum(min(length, 100) for length in lengths)
