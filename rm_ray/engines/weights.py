"""The model's weights, as far as the driver needs them: where they are, and which they are.

No weights are loaded here. A hub name is resolved to a commit, a local folder to a hash of what
is in it, so that a run's fingerprint names exactly one model.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rm_ray.errors import JudgeError, first_line

# Files up to this size are hashed whole; larger ones (weights) by samples of this size.
SAMPLE_BYTES = 1 << 20
SAMPLES = 16


@dataclass(frozen=True)
class Model:
    """A model whose weights are still where they were; what an engine needs to find them.

    `identity`: hub commit, or hash of the local folder. `max_tokens`: the longest prompt.
    """

    name: str
    revision: str | None
    identity: str
    dtype: str
    max_tokens: int


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
    return Model(
        name=name,
        revision=None if local else getattr(config, "_commit_hash", None) or revision,
        identity=_hash_folder(folder) if local else _commit(name, config),
        dtype=str(getattr(text, "dtype", None) or "float32").removeprefix("torch."),
        max_tokens=int(getattr(text, "max_position_embeddings", 0) or text.n_positions),
    )


def _commit(name: str, config: Any) -> str:
    commit = getattr(config, "_commit_hash", None)
    if not commit:
        raise JudgeError(f"judge.model: the hub gave no commit for {name}; set judge.revision")
    return str(commit)


def _hash_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*")):
        if path.suffix in (".json", ".safetensors", ".txt", ".model"):
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
            _hash_file(path, digest)
    return f"sha256:{digest.hexdigest()[:40]}"


def _hash_file(path: Path, digest: Any) -> None:
    """The whole of a small file, evenly spaced samples of a large one: 15 GB in a moment."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= SAMPLES * SAMPLE_BYTES:
            digest.update(file.read())
            return
        for i in range(SAMPLES):
            file.seek(i * (size - SAMPLE_BYTES) // (SAMPLES - 1))
            digest.update(file.read(SAMPLE_BYTES))
