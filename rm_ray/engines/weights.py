"""The model's weights, as far as the driver needs them: where they are, and which they are.

No weights are loaded here. A hub name is resolved to a commit, a local folder to a hash of what
is in it, so that a run's fingerprint names exactly one model.
"""

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rm_ray.engines.identity import FolderSample, difference, hash_folder, sample_folder
from rm_ray.errors import JudgeError, first_line, short


@dataclass(frozen=True)
class Model:
    """A model whose weights are still where they were; what an engine needs to find them.

    `identity`: hub commit, or hash of the local folder. `max_tokens`: the longest prompt.
    `sample`: of a local folder, for machines where the folder of that name may be another one.
    """

    name: str
    revision: str | None
    identity: str
    dtype: str
    max_tokens: int
    sample: FolderSample = field(default_factory=dict)


def resolve_model(name: str, revision: str | None) -> Model:
    """Find the model and read what the driver needs of it.

    Raises:
        JudgeError: no such model, or not one that can be loaded.
    """
    from transformers import AutoConfig  # takes seconds: only when a job really starts

    folder = Path(name).expanduser()
    local = folder.is_dir()
    if not local and (name.startswith(("/", ".", "~")) or name.count("/") != 1):
        raise JudgeError(f"judge.model: no folder {name} (and it is not a hub name, OWNER/MODEL)")
    if local and not (folder / "config.json").is_file():
        raise JudgeError(f"judge.model: the folder {name} has no config.json")
    if local and not any(folder.glob("*.safetensors")):
        raise JudgeError(f"judge.model: the folder {name} has no .safetensors weights")
    name = str(folder.resolve()) if local else name
    try:
        config = AutoConfig.from_pretrained(name, revision=revision, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise JudgeError(f"judge.model: cannot load {name}: {first_line(error)}") from None
    text = config.get_text_config()
    try:
        identity = hash_folder(folder) if local else _commit(name, config)
        sample = sample_folder(folder) if local else {}
    except OSError as error:
        raise JudgeError(f"judge.model: cannot read {name}: {short(error)}") from None
    return Model(
        name=name,
        revision=None if local else getattr(config, "_commit_hash", None) or revision,
        identity=identity,
        dtype=str(getattr(text, "dtype", None) or "float32").removeprefix("torch."),
        max_tokens=int(getattr(text, "max_position_embeddings", 0) or text.n_positions),
        sample=sample,
    )


def check_weights(model: Model) -> None:
    """Make sure that this machine has the weights that the driver has.

    Raises:
        JudgeError: naming the machine, the folder and what differs.
    """
    if not model.sample:
        return
    try:
        wrong = difference(model.sample, sample_folder(Path(model.name)))
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
