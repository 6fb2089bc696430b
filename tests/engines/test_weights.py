"""What is known, and refused, of a model before an engine starts."""

import json

import huggingface_hub
import pytest

from rm_ray.engines.weights import _on_hub, resolve_model
from rm_ray.errors import JudgeError
from tests import checkpoints


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


def hub_file(name):
    return huggingface_hub.hf_api.RepoFile(path=name, size=9, oid="")
