"""Finds the model's weights, identifies them, and checks that a machine has exactly these weights.

No weights are loaded here. A hub name is resolved to a commit, and a folder (local or in a store)
to a hash of its content. So a run's fingerprint names exactly one model.
"""

import logging
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from rm_ray.config import StorageConfig
from rm_ray.engines.fetch import ADAPTER_CONFIG, Origin
from rm_ray.engines.files import (
    check_files,
    check_has_weights,
    check_model_type,
    check_no_adapter,
)
from rm_ray.engines.hub import HubFolder, in_cache, list_hub
from rm_ray.engines.identity import (
    FolderSample,
    difference,
    hash_folder,
    sample_folder,
    without_copies,
)
from rm_ray.engines.stored import StoredFolder, is_local_uri, is_stored, list_stored
from rm_ray.errors import JudgeError, first_line, short

log = logging.getLogger(__name__)

# The advice if a checkpoint needs its own modelling code.
OWN_CODE = (
    "it brings modelling code of its own, which runs only with --judge.trust_remote_code true and "
    "a pinned --judge.revision COMMIT"
)


@dataclass(frozen=True)
class Model:
    """A Model describes a model, and tells an engine how to get its weights."""

    name: str
    """A folder, a URI or a hub name; once placed, a folder of this machine."""
    revision: str | None
    """The commit of a model on the hub; None for a folder."""
    identity: str
    """The hub's commit, or a hash of the folder's content."""
    dtype: str
    """The precision that the config names."""
    max_tokens: int
    """Tokens of the longest prompt that the model takes, its answer included."""
    sample: FolderSample = field(default_factory=dict)
    """A sample of the folder, since another machine may have other files under the same name;
    empty for a hub model."""
    architecture: str = ""
    """The class that the config names; "" if it names none."""
    labels: int = 0
    """The config's number of labels."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The whole config."""
    tensors: frozenset[str] | None = None
    """Names of the weights; None until the weights lie on this machine."""
    own_code: bool = False
    """True if the checkpoint's own code is to run."""
    place: str = ""
    """The name or the folder that the driver reads the model from."""
    origin: Origin | None = None
    """Fetches the model on each machine; None if it lies in a folder that all machines have."""

    @property
    def has_code(self) -> bool:
        """Return True if the checkpoint brings modelling code."""
        return "auto_map" in self.config


def resolve_model(
    name: str,
    revision: str | None,
    *,
    trust_remote_code: bool = False,
    storage: StorageConfig | None = None,
    weights_folder: str | None = None,
) -> Model:
    """Find the model, and read everything that the driver needs. A model in a store is fetched.

    Args:
        name: a folder, a URI or a hub name.
        revision: a branch, tag or commit of a hub model; None for its main branch.
        trust_remote_code: the checkpoint's own code may run, in this process too.
        storage: how a store is reached.
        weights_folder: the folder for fetched models on this machine; None for the user's cache.

    Raises:
        JudgeError: there is no model of this name, or it cannot be loaded.
    """
    stored = _look(name, storage, code=trust_remote_code) if is_stored(name) else None
    folder = stored.fetch(weights_folder) if stored else local_folder(name)
    if stored:
        name = stored.uri
    elif folder:
        name = str(folder)
        _check_folder(name, folder)
    else:
        _check_hub_name(name, revision, trust_remote_code=trust_remote_code)
    place, revision = str(folder or name), None if folder else _commit(name, revision)
    origin = stored if folder else _on_hub(name, str(revision), code=trust_remote_code)
    config = _load_config(name, place, revision, trust_remote_code=trust_remote_code)
    own_code = trust_remote_code and "auto_map" in config.to_dict()
    with _reading(name):
        identity = hash_folder(folder, code=own_code) if folder else str(revision)
        sample = sample_folder(folder, code=own_code) if folder else {}
        tensors = _tensors(folder) if folder else None
    text = config.get_text_config()
    return Model(
        name=name,
        revision=revision,
        identity=identity,
        dtype=_dtype(config, text),
        max_tokens=_longest(text),
        sample=sample,
        architecture=next(iter(getattr(config, "architectures", None) or [""])),
        labels=int(config.num_labels),
        config=config.to_dict(),
        tensors=tensors,
        own_code=own_code,
        place=place,
        origin=origin,
    )


def place_model(model: Model, weights_folder: str | None, *, weights: bool = True) -> Model:
    """Fetch the model onto this machine if needed, check it, and return it with its local folder.

    Args:
        model: the model that the driver resolved.
        weights_folder: the folder for fetched models on this machine; None for the default.
        weights: False if the files that describe the model are enough, without its weights.

    Raises:
        JudgeError: the model cannot be fetched, or differs from the driver's.
    """
    if model.origin:
        folder = str(model.origin.fetch(weights_folder, weights=weights))
        model = replace(model, name=folder, place=folder, revision=None)
    if weights:
        check_weights(model)
    if weights and model.tensors is None:
        with _reading(model.name):
            model = replace(model, tensors=_tensors(Path(model.name)))
    return model


def local_folder(name: str) -> Path | None:
    """Return the folder of this machine that a model's name stands for, None if there is none."""
    name = name.partition("://")[2] if is_local_uri(name) else name
    folder = Path(os.path.expanduser(name))  # noqa: PTH111 - Path's raises for an unknown user
    return folder.resolve() if folder.is_dir() else None


def is_path(name: str) -> bool:
    """Return True if a name can only be a folder's, and not a hub model's."""
    return name.startswith(("/", ".", "~"))


def _look(uri: str, storage: StorageConfig | None, *, code: bool) -> StoredFolder:
    stored, names = list_stored(uri, storage or StorageConfig(), code=code)
    check_files(stored.uri, names, "A_LOCAL_COPY", lambda: stored.read(ADAPTER_CONFIG))
    return stored


def _check_folder(name: str, folder: Path) -> None:
    names = [file.name for file in folder.iterdir()]
    check_files(name, names, name, (folder / ADAPTER_CONFIG).read_bytes)


def _check_hub_name(name: str, revision: str | None, *, trust_remote_code: bool) -> None:
    if is_path(name) or name.count("/") != 1:
        raise JudgeError(f"judge.model: no folder {name} (and it is not a hub name, OWNER/MODEL)")
    if trust_remote_code and not re.fullmatch("[0-9a-f]{40}", revision or ""):
        raise JudgeError(
            "judge.trust_remote_code runs what the hub sends, so it needs a pinned judge.revision: "
            f"the commit of {name} that you have read, 40 hexadecimal digits"
        )


def _load_config(name: str, place: str, revision: str | None, *, trust_remote_code: bool) -> Any:
    from transformers import AutoConfig, PretrainedConfig  # this import takes seconds

    try:
        stored, _ = PretrainedConfig.get_config_dict(place, revision=revision)
        check_model_type(name, stored)
        # check before any of the model's code runs
        if trust_remote_code and any(
            "--" in str(place) for place in stored.get("auto_map", {}).values()
        ):
            raise JudgeError(
                f"judge.model: the code of {name} lies in another repository, which judge.revision "
                "does not pin; copy it into the checkpoint's folder"
            )
        return AutoConfig.from_pretrained(
            place, revision=revision, trust_remote_code=trust_remote_code
        )
    except JudgeError:
        raise
    except Exception as error:
        if not (trust_remote_code or isinstance(error, OSError | ValueError | KeyError)):
            raise
        needs_code = "trust_remote_code" in str(error) and not trust_remote_code
        reason = OWN_CODE if needs_code else first_line(error)
        raise JudgeError(f"judge.model: cannot load {name}: {reason}") from None


def _on_hub(name: str, commit: str, *, code: bool) -> HubFolder:
    """Return the HubFolder that fetches a hub model. Without the hub, some checks are left out.

    Raises:
        JudgeError: the model is an adapter, or has only pickled weights; with a command that
            makes a loadable model of it.
    """
    from huggingface_hub import hf_hub_download

    try:
        sizes, names = list_hub(name, commit, code=code)
    except Exception as error:  # noqa: BLE001 - offline, with the model in the cache
        log.debug("cannot list the files of %s: %s", name, error)
        sizes, names = None, in_cache(name, commit)

    def read() -> bytes:
        return Path(hf_hub_download(name, ADAPTER_CONFIG, revision=commit)).read_bytes()

    check_no_adapter(name, names, name, read)
    if sizes is not None:
        check_has_weights(name, names, "A_LOCAL_COPY")
    return HubFolder(name, commit, sizes, code)


def _dtype(config: Any, text: Any) -> str:
    """Return the precision that a config's text part names, or else the whole config."""
    named = getattr(text, "dtype", None) or getattr(config, "dtype", None) or "float32"
    return str(named).removeprefix("torch.")


def _longest(config: Any) -> int:
    names = ("max_position_embeddings", "n_positions")
    most = next((length for name in names if (length := getattr(config, name, None))), None)
    if most is None:
        raise JudgeError(f"judge.model: a {config.model_type} does not say how long prompts may be")
    # RoBERTa's first position is the padding token's id + 1
    offset = (config.pad_token_id or 0) + 1 if "roberta" in config.model_type else 0
    return int(most) - offset


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise JudgeError(f"judge.model: cannot read {name}: {short(error)}") from None


def _tensors(folder: Path) -> frozenset[str]:
    names: set[str] = set()
    for file in without_copies(path.name for path in folder.glob("*.safetensors")):
        with safe_open(folder / file, framework="np") as tensors:
            names.update(tensors.keys())
    return frozenset(names)


def check_weights(model: Model) -> None:
    """Make sure that this machine has the same weights as the driver.

    Raises:
        JudgeError: with the machine, the folder and the difference.
    """
    if not model.sample:
        return
    try:
        sample = sample_folder(Path(model.name), code=model.own_code)
        wrong = difference(model.sample, sample)
    except OSError as error:
        wrong = short(error)
    if wrong:
        remedy = "remove that folder" if model.origin else "copy the driver's folder there"
        raise JudgeError(
            f"judge.model: {model.name} on {socket.gethostname()} is not the model of this run: "
            f"{wrong}; {remedy}"
        )


def _commit(name: str, revision: str | None) -> str:
    """Return the commit of a hub model's revision: now, or when it was cached if offline."""
    from huggingface_hub import resolve_revision

    try:
        return str(resolve_revision(name, revision=revision).resolved)
    except Exception as error:  # noqa: BLE001 - the hub's client may raise any error
        raise JudgeError(
            f"judge.model: there is no folder {name} in {Path.cwd()}, and the hub does not give "
            f"it: {first_line(error)}"
        ) from None
