"""What the scoring job refuses: one sentence each, exit status 2, and nothing written."""

import re
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from tests import checkpoints, fault_engine
from tests.conftest import TINY_JUDGE
from tests.jobs import run, write_corpus

pytestmark = pytest.mark.usefixtures("ray_cluster")


def bad_inputs(tmp_path):
    """Every way to be wrong: the changed options, and what the sentence must say."""
    write_corpus(tmp_path / "good", files=1, rows=2, words=80)
    for name, content in {
        "not_parquet": b"hello", "truncated": (tmp_path / "good/0-0.parquet").read_bytes()[:200],
        "zero": b"",
    }.items():  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.parquet").write_bytes(content)
    (tmp_path / "mixed").mkdir()
    pq.write_table(pa.table({"id": [1], "text": ["a"]}), tmp_path / "mixed/a.parquet")
    pq.write_table(pa.table({"id": ["x"], "text": ["a"]}), tmp_path / "mixed/b.parquet")
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "thesis.docx").write_text("mine")
    (tmp_path / "bare").mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(TINY_JUDGE / name, tmp_path / "bare")
    return [
        ({"input_path": tmp_path / "nowhere"}, "does not exist"),
        ({"input_path": tmp_path / "not_parquet"}, "not a readable Parquet file"),
        ({"input_path": tmp_path / "truncated"}, "not a readable Parquet file"),
        ({"input_path": tmp_path / "zero"}, r"not a readable Parquet file \(0 bytes\)"),
        ({"input_path": tmp_path / "mixed"}, "column 'id' is string in .* and int64"),
        ({"input_text": "body"}, "no column 'body'; it has id, text"),
        ({"input_id": "name"}, r"no column 'name' \(--input.id null for none\)"),
        ({"output_path": tmp_path / "others"}, "not empty and not a run of rm_ray"),
        ({"judge_model": tmp_path / "bare"}, "has no tokenizer"),
        ({"judge_model": tmp_path / "nothing"}, "no folder"),
        ({"judge_chosen": "yes and no"}, "is [0-9]+ tokens in this tokenizer, not one"),
        ({"judge_chunk_tokens": 48, "judge_context_tokens": 480}, "none divides the chunk"),
        ({"judge_context_tokens": 1 << 20}, "takes 16384 tokens"),
        ({"pool_gpus": 1, "pool_wait_s": 60}, r"need 1 GPUs and the cluster has 0 \(if no GPU"),
        ({"pool_cpus": 64}, "need 64 CPUs and the cluster has 4"),
    ]


def bad_judges(tmp_path):
    """The same of models, and of how they are to be asked."""
    makers = {
        "gpt2": checkpoints.gpt2, "bert": checkpoints.bert, "qrm": checkpoints.quantile,
        "own": checkpoints.reward_model,
    }  # fmt: skip
    models = {name: tmp_path / "models" / name for name in (*makers, "pickled", "headless", "odd")}
    for name, folder in models.items():
        folder.mkdir(parents=True)
        if name in makers:
            makers[name](folder)
    for name in ("pickled", "headless", "odd"):
        shutil.copytree(models["gpt2"], models[name], dirs_exist_ok=True)
    (models["pickled"] / "model.safetensors").rename(models["pickled"] / "pytorch_model.bin")
    weights = load_file(models["gpt2"] / "model.safetensors")
    weights.pop("score.weight")
    save_file(weights, models["headless"] / "model.safetensors", metadata={"format": "pt"})
    config = models["odd"] / "config.json"
    config.write_text(config.read_text().replace("GPT2ForSequenceClassification", "GPT2ForRanking"))
    classifier = {"judge_family": "classifier", "judge_reduction": "softmax:1"}
    gpt2, bert = classifier | {"judge_model": models["gpt2"]}, {"judge_model": models["bert"]}
    pair = {"input_prompt": "id", "input_completion": "text"}
    code = {"judge_family": "regression", "engine_name": "transformers", **pair}
    return [
        (gpt2 | {"judge_as_chat": "true"}, r"no chat template; give .* --judge.chat.template FILE"),
        (gpt2 | pair, r"judges plain text, and documents are given by input.prompt and"),
        (gpt2 | {"judge_reduction": "identity"}, "the model has 2 labels; say how they become one"),
        (gpt2 | {"judge_max_tokens": 512}, "judge.max_tokens is 512, and the model takes 256"),
        (gpt2 | {"judge_model": models["headless"]}, "its head is missing, and its rewards"),
        (gpt2 | {"judge_model": models["odd"]}, "a GPT2ForRanking, and its head is not known"),
        (gpt2 | {"judge_model": models["pickled"]}, r"are pickled .*convert them in .*: python -c"),
        (bert | {"judge_family": "regression"}, "name their columns with --input.prompt"),
        (bert | {"judge_family": "regression", "input_prompt": "id"}, "without its other half"),
        (bert | {"judge_family": "classifier", "judge_alpha": 10}, "alpha is a key of the family"),
        (bert | {"judge_family": "quantile"}, "reads out LlamaForRewardModelWithGating, and"),
        (
            {"judge_model": models["qrm"], "judge_family": "quantile", "judge_attributes": "a,b"},
            "the model has 19 attributes, and judge.attributes names 2",
        ),
        (code | {"judge_model": models["own"]}, "needs its own|brings modelling code of its own"),
        (
            code | {"judge_model": "OWNER/MODEL", "judge_trust_remote_code": "true"},
            "needs a pinned judge.revision: the commit of OWNER/MODEL",
        ),
        (
            code | {"judge_model": models["own"], "judge_trust_remote_code": "true",
                    "engine_name": "vllm"},
            "runs its own code, which vLLM does not; give --engine.name transformers",
        ),
        (
            bert | {"judge_family": "classifier", "judge_examples": "[{messages: [{role: user, "
                    "content: a}], reward: 1}]"},
            "no chat template|judge.examples: example 1 cannot be judged",
        ),
    ]  # fmt: skip


def test_bad_input_is_one_sentence_and_status_2(tmp_path, caplog):
    for number, (changes, message) in enumerate([*bad_inputs(tmp_path), *bad_judges(tmp_path)]):
        output = tmp_path / f"out{number}"
        changes = {"input_path": tmp_path / "good", "output_path": output} | changes
        drop = ("judge.context_tokens",) if "judge_family" in changes else ()
        status, log = run(caplog, drop=drop, **changes)
        errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
        assert status == 2, (changes, log)
        assert len(errors) == 1 and "\n" not in errors[0], errors
        assert re.search(message, errors[0]), (message, errors[0])
        assert not (output / "rewards").exists()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, caplog):
    write_corpus(tmp_path / "in", files=1, rows=2, words=80)
    (tmp_path / "file").write_text("x")
    for output in (tmp_path / "file" / "out", "/sys/out"):  # not even root may write there
        status, log = run(caplog, input_path=tmp_path / "in", output_path=output)
        assert status == 2 and f"output.path: cannot write to {output}: " in log


def test_a_changed_input_file_is_refused(tmp_path, caplog):
    changes = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    changes |= {"engine_name": fault_engine.NAME}
    write_corpus(tmp_path / "in", files=1, rows=2, words=80)
    assert run(caplog, **changes)[0] == 0
    write_corpus(tmp_path / "in", files=1, rows=3, words=80)
    status, log = run(caplog, **changes)
    assert status == 2 and "1 input files have changed since this run planned them" in log
