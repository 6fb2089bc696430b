"""What is known, and refused, of a model before an engine starts."""

import json
import os
import shutil
from dataclasses import replace

import huggingface_hub
import pytest
from safetensors.numpy import load_file, save_file

from rm_ray.engines.heads import check_head
from rm_ray.engines.identity import hash_folder, sample_folder
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import _on_hub, place_model, resolve_model
from rm_ray.errors import JudgeError
from tests import checkpoints
from tests.conftest import TINY_JUDGE, engine_settings


@pytest.fixture
def own_code(tmp_path):
    checkpoints.reward_model(tmp_path)
    return tmp_path


def test_code_runs_only_where_it_is_trusted(own_code):
    with pytest.raises(
        JudgeError, match=r"runs only with --judge.trust_remote_code true and a pin"
    ):
        resolve_model(str(own_code), None)
    assert resolve_model(str(own_code), None, trust_remote_code=True).own_code


def test_code_that_runs_is_part_of_the_identity(own_code):
    before = resolve_model(str(own_code), None, trust_remote_code=True).identity
    with (own_code / "modeling_reward_model.py").open("a") as file:
        file.write("# another line\n")
    assert resolve_model(str(own_code), None, trust_remote_code=True).identity != before


def test_code_of_another_repository_is_refused_before_it_runs(own_code):
    config = own_code / "config.json"
    stored = json.loads(config.read_text())
    stored["auto_map"]["AutoConfig"] = "someone/else--configuration.Config"
    config.write_text(json.dumps(stored))
    with pytest.raises(JudgeError, match=r"lies in another repository, which judge.revision does"):
        resolve_model(str(own_code), None, trust_remote_code=True)


def test_code_that_does_not_run_is_a_sentence(own_code):
    (own_code / "modeling_reward_model.py").write_text("import nothing_that_there_is\n")
    with pytest.raises(JudgeError, match=r"cannot load .*nothing_that_there_is"):
        resolve_model(str(own_code), None, trust_remote_code=True)


def test_a_hub_model_of_pickles_is_refused_with_the_command(monkeypatch):
    """The hub's answer is made up here: no test reaches it."""
    files = [hub_file("config.json"), hub_file("pytorch_model.bin")]
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_tree", lambda *_, **__: files)
    with pytest.raises(JudgeError, match=r"OWNER/MODEL are pickled \(pytorch_model.bin\).*A_LOCAL"):
        _on_hub("OWNER/MODEL", "main", code=False)
    files.append(hub_file("model.safetensors"))
    assert _on_hub("OWNER/MODEL", "main", code=False).sizes == {
        "config.json": 9, "model.safetensors": 9,
    }  # fmt: skip


def language_model(folder):
    shutil.copytree(TINY_JUDGE, folder, dirs_exist_ok=True)


@pytest.mark.parametrize(
    ("make", "head"),
    [
        (language_model, "lm_head."),
        (checkpoints.llama, "score."),
        (checkpoints.bert, "classifier."),
        (checkpoints.quantile, "gating."),
    ],
)
def test_vllm_is_not_started_with_a_head_that_it_would_make_up(tmp_path, make, head):
    make(tmp_path)
    without(head, tmp_path / "model.safetensors")
    # the driver does not know the weights of a hub's
    model = replace(resolve_model(str(tmp_path), None), tensors=None)
    with pytest.raises(JudgeError, match=rf"{tmp_path} has no weights {head}\*: its head is"):
        start_engine(replace(engine_settings("vllm"), model=model))


def test_an_embedding_that_is_the_head_too_is_no_missing_head(tmp_path):
    language_model(tmp_path)
    without("lm_head.", tmp_path / "model.safetensors")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
    check_head(place_model(resolve_model(str(tmp_path), None), None))


def without(head, file):
    weights = load_file(file)
    kept = {name: value for name, value in weights.items() if not name.startswith(head)}
    assert len(kept) < len(weights)
    save_file(kept, file, metadata={"format": "pt"})


def test_weights_that_lie_there_twice_are_read_once_and_as_the_driver_reads_them(
    tmp_path, monkeypatch
):
    """As Mistral's do: in its own format too, which vLLM would prefer."""
    language_model(tmp_path)
    shutil.copy(tmp_path / "model.safetensors", tmp_path / "consolidated.safetensors")
    assert "consolidated.safetensors" not in sample_folder(tmp_path)
    assert hash_folder(tmp_path) == hash_folder(TINY_JUDGE)
    files = [hub_file(path.name) for path in tmp_path.iterdir()]
    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_tree", lambda *_, **__: files)
    listed = _on_hub("OWNER/MODEL", "main", code=False).sizes
    assert "model.safetensors" in listed and "consolidated.safetensors" not in listed
    (tmp_path / "params.json").write_text("{}")
    settings = replace(engine_settings("vllm"), model=resolve_model(str(tmp_path), None))
    os.environ.update(settings.environment())
    from rm_ray.engines.vllm import _engine_args

    assert _engine_args(settings).create_model_config().hf_config.model_type == "qwen2"


def hub_file(name):
    return huggingface_hub.hf_api.RepoFile(path=name, size=9, oid="")
