"""The model's weights, as far as the driver needs them: where they are, and which they are.

No weights are loaded here. A hub name is resolved to a commit, a local folder to a hash of what
is in it, so that a run's fingerprint names exactly one model.
"""

import logging
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from rm_ray.engines.identity import FolderSample, difference, hash_folder, sample_folder
from rm_ray.errors import JudgeError, first_line, short

log = logging.getLogger(__name__)

# What to do where a checkpoint needs its own modelling code.
OWN_CODE = (
    "it brings modelling code of its own, which runs only with --judge.trust_remote_code true and "
    "a pinned --judge.revision COMMIT"
)
CONVERT = (
    'python -c "import glob, torch; from safetensors.torch import save_file; '
    "[save_file({{k: v.clone() for k, v in torch.load(f, weights_only=True).items()}}, "
    "f[:-4] + '.safetensors', {{'format': 'pt'}}) for f in glob.glob('{}/*.bin')]\""
)


@dataclass(frozen=True)
class Model:
    """A model whose weights are still where they were; what an engine needs to find them.

    `identity`: hub commit, or hash of the local folder. `max_tokens`: the longest prompt.
    `sample`: of a local folder, for machines where the folder of that name may be another one.
    `architecture`: the class that its config names; `labels`: of a classifier; `config`: all of it.
    `tensors`: names of the weights, where they lie here. `own_code`: its own code is to run.
    """

    name: str
    revision: str | None
    identity: str
    dtype: str
    max_tokens: int
    sample: FolderSample = field(default_factory=dict)
    architecture: str = ""
    labels: int = 0
    config: Mapping[str, Any] = field(default_factory=dict)
    tensors: frozenset[str] | None = None
    own_code: bool = False

    @property
    def has_code(self) -> bool:
        """Whether the checkpoint brings modelling code."""
        return "auto_map" in self.config


def resolve_model(name: str, revision: str | None, *, trust_remote_code: bool = False) -> Model:
    """Find the model and read what the driver needs of it.

    Args:
        trust_remote_code: the checkpoint's own code may run, in this process too.

    Raises:
        JudgeError: no such model, or not one that can be loaded.
    """
    folder = Path(name).expanduser()
    local = folder.is_dir()
    if local:
        _check_folder(name, folder)
    else:
        _check_hub_name(name, revision, trust_remote_code=trust_remote_code)
    name = str(folder.resolve()) if local else name
    config = _load_config(name, revision, trust_remote_code=trust_remote_code)
    stored = config.to_dict()
    own_code = trust_remote_code and "auto_map" in stored
    if not local:
        _check_hub_weights(name, getattr(config, "_commit_hash", None) or revision)
    try:
        identity = hash_folder(folder, code=own_code) if local else _commit(name, config)
        sample = sample_folder(folder, code=own_code) if local else {}
        tensors = _tensors(folder) if local else None
    except (OSError, SafetensorError) as error:
        raise JudgeError(f"judge.model: cannot read {name}: {short(error)}") from None
    text = config.get_text_config()
    return Model(
        name=name,
        revision=None if local else getattr(config, "_commit_hash", None) or revision,
        identity=identity,
        dtype=str(getattr(text, "dtype", None) or "float32").removeprefix("torch."),
        max_tokens=_longest(text),
        sample=sample,
        architecture=next(iter(getattr(config, "architectures", None) or [""])),
        labels=int(config.num_labels),
        config=stored,
        tensors=tensors,
        own_code=own_code,
    )


def _check_folder(name: str, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise JudgeError(f"judge.model: the folder {name} has no config.json")
    if not any(folder.glob("*.safetensors")):
        there = [file.name for file in folder.iterdir()]
        raise JudgeError(_say_no_weights(name, there, name))


def _check_hub_name(name: str, revision: str | None, *, trust_remote_code: bool) -> None:
    if name.startswith(("/", ".", "~")) or name.count("/") != 1:
        raise JudgeError(f"judge.model: no folder {name} (and it is not a hub name, OWNER/MODEL)")
    if trust_remote_code and not re.fullmatch("[0-9a-f]{40}", revision or ""):
        raise JudgeError(
            "judge.trust_remote_code runs what the hub sends, so it needs a pinned judge.revision: "
            f"the commit of {name} that you have read, 40 hexadecimal digits"
        )


def _load_config(name: str, revision: str | None, *, trust_remote_code: bool) -> Any:
    from transformers import AutoConfig, PretrainedConfig  # take seconds

    try:
        stored, _ = PretrainedConfig.get_config_dict(name, revision=revision)
        # before any code of it runs
        if trust_remote_code and any(
            "--" in str(place) for place in stored.get("auto_map", {}).values()
        ):
            raise JudgeError(
                f"judge.model: the code of {name} lies in another repository, which judge.revision "
                "does not pin; copy it into the checkpoint's folder"
            )
        return AutoConfig.from_pretrained(
            name, revision=revision, trust_remote_code=trust_remote_code
        )
    except JudgeError:
        raise
    except Exception as error:
        if not (trust_remote_code or isinstance(error, OSError | ValueError | KeyError)):
            raise
        needs_code = "trust_remote_code" in str(error) and not trust_remote_code
        reason = OWN_CODE if needs_code else first_line(error)
        raise JudgeError(f"judge.model: cannot load {name}: {reason}") from None


def _check_hub_weights(name: str, revision: str | None) -> None:
    """Refuse a model that the hub has as pickles only; where it cannot be asked, engines will say.

    Raises:
        JudgeError: with the command that converts them.
    """
    from huggingface_hub import HfApi

    try:
        files = HfApi().list_repo_files(name, revision=revision)
    except Exception as error:  # noqa: BLE001 - offline, with the model in the cache
        log.debug("cannot list the files of %s: %s", name, error)
        return
    if not any(file.endswith(".safetensors") for file in files):
        raise JudgeError(_say_no_weights(name, files, "A_LOCAL_COPY"))


def _longest(config: Any) -> int:
    names = ("max_position_embeddings", "n_positions")
    most = next((found for name in names if (found := getattr(config, name, None))), None)
    if most is None:
        raise JudgeError(f"judge.model: a {config.model_type} does not say how long prompts may be")
    # RoBERTa counts positions from behind the padding token's
    offset = (config.pad_token_id or 0) + 1 if "roberta" in config.model_type else 0
    return int(most) - offset


def _say_no_weights(name: str, files: Iterable[str], folder: str) -> str:
    pickled = [file for file in files if file.endswith((".bin", ".pt", ".pth"))]
    if not pickled:
        return f"judge.model: {name} has no .safetensors weights"
    return (
        f"judge.model: the weights of {name} are pickled ({pickled[0]}), and loading those can run "
        f"whatever is in them; convert them in {folder}: {CONVERT.format(folder)}"
    )


def _tensors(folder: Path) -> frozenset[str]:
    names: set[str] = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="np") as tensors:
            names.update(tensors.keys())
    return frozenset(names)


def check_weights(model: Model) -> None:
    """Make sure that this machine has the weights that the driver has.

    Raises:
        JudgeError: naming the machine, the folder and what differs.
    """
    if not model.sample:
        return
    try:
        found = sample_folder(Path(model.name), code=model.own_code)
        wrong = difference(model.sample, found)
    except OSError as error:
        wrong = short(error)
    if wrong:
        raise JudgeError(
            f"judge.model: {model.name} on {socket.gethostname()} is not the model of this run: "
            f"{wrong}; copy the driver's folder there"
        )


def _commit(name: str, config: Any) -> str:
    commit = getattr(config, "_commit_hash", None)
    if not commit:
        raise JudgeError(f"judge.model: the hub gave no commit for {name}; set judge.revision")
    return str(commit)
