"""Reads a model's tokenizer: the file as its authors wrote it, its chat template, its names.

transformers loads a tokenizer through the class that `tokenizer_config.json` names, and some of
these classes do not follow `tokenizer.json`: a byte-level tokenizer whose configuration names
LlamaTokenizer loses every space. So both encode some probes, and if the token ids differ, the
tokenizer is read from the file itself.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from rm_ray.config import StorageConfig
from rm_ray.engines.stored import is_stored, list_stored
from rm_ray.engines.weights import Model, is_path, local_folder
from rm_ray.errors import JudgeError, first_line

# Modules that read a tokenizer also encode with it, so they can import both from here.
from rm_ray.judges.encoding import encode as encode
from rm_ray.judges.encoding import encode_all as encode_all
from rm_ray.judges.encoding import load_plain as load_plain
from rm_ray.judges.keys import JudgeSection

log = logging.getLogger(__name__)

# transformers can load a tokenizer only from a folder that has one of these files.
FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "spm.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.json",
    "vocab.txt",
)
# Texts on which a class that rebuilds a tokenizer may differ from its file: spaces, lines,
# digits, marks.
PROBES = (
    "The harbour, 12,345 boats.\n\nTwo  loaves; it's\tnoon",
    " a",
    "Ünïcode 漢字 x_y(1)",
)


@dataclass(frozen=True)
class TokenizerFiles:
    """TokenizerFiles holds a model's tokenizer, as its files describe it."""

    json: str
    """The tokenizer itself, as JSON: with its added tokens, and the tokens that it puts around a
    text."""
    chat_template: str | None
    """The chat template's Jinja source; None if there is none."""
    special_tokens: Mapping[str, str]
    """Special tokens by the names that templates use, for example bos_token."""
    tool_template: str | None = None
    """The Jinja source for chats with tools; None if there is no separate one."""


def read_tokenizer(place: str, revision: str | None, name: str = "") -> TokenizerFiles:
    """Read the tokenizer of a model's folder, or of a hub name.

    Args:
        place: the folder, or the hub name.
        revision: the hub's revision; None for the hub's default.
        name: the model's name in error texts, if it is not `place`.

    Raises:
        JudgeError: there is no tokenizer, or it has no fast version.
    """
    name = name or place
    folder = local_folder(place)
    if folder is None and is_path(place):
        raise JudgeError(f"there is no folder {name} to read a tokenizer from")
    if folder and not any((folder / file).is_file() for file in FILES):
        raise JudgeError(
            f"the folder {name} has no tokenizer (tokenizer.json); "
            "name one with --judge.tokenizer, or copy the model's own beside its weights"
        )
    return _files_of(_load(str(folder or place), revision, name), name)


def judge_tokenizer(section: JudgeSection, model: Model) -> TokenizerFiles:
    """Read the tokenizer that a judge's configuration names; if it names none, the model's own.

    Raises:
        JudgeError: for the same reasons as `read_tokenizer`.
    """
    if section.tokenizer:
        return read_tokenizer(section.tokenizer, None)
    return read_tokenizer(model.place or model.name, model.revision, model.name)


def tokenizer_of_run(judge: Mapping[str, Any]) -> TokenizerFiles:
    """Read the tokenizer of a run's judge.

    Args:
        judge: the section `judge` of the configuration that is stored with the run.

    Raises:
        JudgeError: for the same reasons as `read_tokenizer`, or the model's store cannot be read.
    """
    if judge.get("tokenizer"):
        return read_tokenizer(judge["tokenizer"], None)
    name = judge["model"]
    if not is_stored(name):
        return read_tokenizer(name, judge.get("revision"))
    stored, _ = list_stored(name, StorageConfig(**judge.get("storage", {})), code=False)
    return read_tokenizer(str(stored.fetch(None, weights=False)), None, name)


def tokenizer_digest(tokenizer_json: str) -> str:
    """Return a short hash of a tokenizer's content."""
    return f"sha256:{hashlib.sha256(tokenizer_json.encode()).hexdigest()[:16]}"


def _load(place: str, revision: str | None, name: str) -> Any:
    """Load the tokenizer by its class, or from its own file if the class fails or changes it."""
    from transformers import AutoTokenizer

    file = _own_file(place, revision)
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, revision=revision, trust_remote_code=False)
    except Exception as error:  # noqa: BLE001 - classes raise bare exceptions as they convert
        if file is None or "trust_remote_code" in str(error):
            raise JudgeError(f"cannot load the tokenizer of {name}: {first_line(error)}") from None
        return _from_file(place, revision, name, f"its class fails: {first_line(error)}")
    if file is None or _agree(getattr(tokenizer, "backend_tokenizer", None), file):
        return tokenizer
    return _from_file(
        place, revision, name, f"the class {type(tokenizer).__name__} gives other token ids"
    )


def _own_file(place: str, revision: str | None) -> Path | None:
    """Find tokenizer.json, on this machine or on the hub; None if there is none."""
    from transformers.utils import cached_file

    try:
        path = cached_file(
            place,
            "tokenizer.json",
            revision=revision,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_connection_errors=False,
        )
    except OSError as error:  # loading the tokenizer reports anything else that is wrong
        log.debug("cannot look for the tokenizer.json of %s: %s", place, error)
        return None
    return Path(path) if path else None


def _agree(loaded: Tokenizer | None, file: Path) -> bool:
    """Return True if a loaded tokenizer encodes the probes as its file does.

    One difference is allowed: `add_prefix_space` in the configuration asks the class to put a space
    before every text, or not to.
    """
    if loaded is None:
        return False
    own = Tokenizer.from_file(str(file))
    loaded_ids = _ids(loaded)
    if loaded_ids == _ids(own):
        return True
    config = file.with_name("tokenizer_config.json")
    settings = json.loads(config.read_text()) if config.is_file() else {}
    if "add_prefix_space" not in settings:
        return False
    spaced = json.loads(own.to_str())
    for step in _byte_levels(spaced.get("pre_tokenizer")):
        step["add_prefix_space"] = bool(settings["add_prefix_space"])
    return loaded_ids == _ids(Tokenizer.from_str(json.dumps(spaced)))


def _byte_levels(step: dict[str, Any] | None) -> list[dict[str, Any]]:
    """List the byte-level steps of a pre-tokeniser."""
    if step is None or step["type"] == "ByteLevel":
        return [step] if step else []
    return [level for inner in step.get("pretokenizers", []) for level in _byte_levels(inner)]


def _ids(tokenizer: Tokenizer) -> list[list[int]] | None:
    """Encode the probes; None if the tokenizer cannot."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    try:
        return [tokenizer.encode(probe, add_special_tokens=False).ids for probe in PROBES]
    except Exception as error:  # noqa: BLE001 - the library raises nothing more special
        log.debug("the tokenizer cannot encode: %s", error)
        return None


def _from_file(place: str, revision: str | None, name: str, reason: str) -> Any:
    """Load tokenizer.json as it stands, with the special tokens and template of its configuration.

    Args:
        place: the folder, or the hub name.
        revision: the hub's revision.
        name: the model's name, for texts.
        reason: why its class is not used.
    """
    from transformers import PreTrainedTokenizerFast

    log.warning("the tokenizer of %s is read from its tokenizer.json: %s", name, reason)
    try:
        return PreTrainedTokenizerFast.from_pretrained(place, revision=revision)
    except Exception as error:  # noqa: BLE001 - anything may be wrong with the files
        raise JudgeError(f"cannot load the tokenizer of {name}: {first_line(error)}") from None


def _files_of(tokenizer: Any, name: str) -> TokenizerFiles:
    """Make TokenizerFiles of a tokenizer that transformers loaded."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise JudgeError(f"the tokenizer of {name} has no fast version; rm_ray needs one")
    special = {
        key: str(value)
        for key, value in tokenizer.special_tokens_map.items()
        if isinstance(value, str)
    }
    template = tokenizer.chat_template
    # some tokenizers have a template per use, by the name of the use
    named = template if isinstance(template, dict) else {"default": template}
    return TokenizerFiles(
        str(backend.to_str()), named.get("default"), special, named.get("tool_use")
    )
