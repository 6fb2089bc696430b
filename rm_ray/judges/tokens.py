"""Reading a model's tokenizer: the file as its authors wrote it, its chat template, its names.

transformers loads tokenizers through a class that `tokenizer_config.json` names, and some of these
classes rebuild what `tokenizer.json` says: a byte-level tokenizer whose configuration names
LlamaTokenizer loses every space. So token ids of a probe are compared with those of the file, and
where they differ the file is right.
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

# Whoever reads a tokenizer also makes tokens with it.
from rm_ray.judges.encoding import encode as encode
from rm_ray.judges.encoding import encode_all as encode_all
from rm_ray.judges.encoding import load_plain as load_plain
from rm_ray.judges.keys import JudgeSection

log = logging.getLogger(__name__)

# A folder with none of these has no tokenizer that transformers can load.
FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "spm.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.json",
    "vocab.txt",
)
# Texts in which tokenizers that were rebuilt differ from their files: spaces, lines, digits, marks.
PROBES = (
    "The harbour, 12,345 boats.\n\nTwo  loaves; it's\tnoon",
    " a",
    "Ünïcode 漢字 x_y(1)",
)


@dataclass(frozen=True)
class TokenizerFiles:
    """A model's tokenizer, as its files describe it."""

    json: str
    """The tokenizer itself, with its added tokens and what it puts around a text."""
    chat_template: str | None
    """The chat template's Jinja source, where there is one."""
    special_tokens: Mapping[str, str]
    """Special tokens by the names that templates know them by, such as bos_token."""
    tool_template: str | None = None
    """The template's source for chats with tools, where it is another one."""


def read_tokenizer(place: str, revision: str | None, name: str = "") -> TokenizerFiles:
    """Read the tokenizer of a model's folder, or of a hub name.

    Args:
        name: of the model, where it is not `place`.

    Raises:
        JudgeError: there is none, or none with a fast version.
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
    """Read the tokenizer that a judge names, or else its model's own.

    Raises:
        JudgeError: as `read_tokenizer`.
    """
    if section.tokenizer:
        return read_tokenizer(section.tokenizer, None)
    return read_tokenizer(model.place or model.name, model.revision, model.name)


def tokenizer_of_run(judge: Mapping[str, Any]) -> TokenizerFiles:
    """Read the tokenizer of a run's judge, whose configuration is stored with the run.

    Raises:
        JudgeError: as `read_tokenizer`; or its store does not give it.
    """
    if judge.get("tokenizer"):
        return read_tokenizer(judge["tokenizer"], None)
    name = judge["model"]
    if not is_stored(name):
        return read_tokenizer(name, judge.get("revision"))
    stored, _ = list_stored(name, StorageConfig(**judge.get("storage", {})), code=False)
    return read_tokenizer(str(stored.fetch(None, weights=False)), None, name)


def tokenizer_digest(tokenizer_json: str) -> str:
    """Give a tokenizer's content in a few letters."""
    return f"sha256:{hashlib.sha256(tokenizer_json.encode()).hexdigest()[:16]}"


def _load(place: str, revision: str | None, name: str) -> Any:
    """Load the tokenizer by its class, or straight from its file where the class changes it."""
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
    """Find tokenizer.json, on this machine or on the hub; None where there is none."""
    from transformers.utils import cached_file

    try:
        found = cached_file(
            place,
            "tokenizer.json",
            revision=revision,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_connection_errors=False,
        )
    except OSError as error:  # what else is wrong, loading says
        log.debug("cannot look for the tokenizer.json of %s: %s", place, error)
        return None
    return Path(found) if found else None


def _agree(loaded: Tokenizer | None, file: Path) -> bool:
    """Whether a loaded tokenizer gives the ids that its file gives, or that its class is asked to
    change: `add_prefix_space` in the configuration puts a space before every text.
    """
    if loaded is None:
        return False
    own = Tokenizer.from_file(str(file))
    found = _ids(loaded)
    if found == _ids(own):
        return True
    config = file.with_name("tokenizer_config.json")
    asked = json.loads(config.read_text()) if config.is_file() else {}
    if "add_prefix_space" not in asked:
        return False
    spaced = json.loads(own.to_str())
    for step in _byte_levels(spaced.get("pre_tokenizer")):
        step["add_prefix_space"] = bool(asked["add_prefix_space"])
    return found == _ids(Tokenizer.from_str(json.dumps(spaced)))


def _byte_levels(step: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The byte-level steps of a pre-tokeniser."""
    if step is None or step["type"] == "ByteLevel":
        return [step] if step else []
    return [one for inner in step.get("pretokenizers", []) for one in _byte_levels(inner)]


def _ids(tokenizer: Tokenizer) -> list[list[int]] | None:
    """The token ids of the probes; None where the tokenizer cannot encode them."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    try:
        return [tokenizer.encode(probe, add_special_tokens=False).ids for probe in PROBES]
    except Exception as error:  # noqa: BLE001 - the library raises nothing more special
        log.debug("the tokenizer cannot encode: %s", error)
        return None


def _from_file(place: str, revision: str | None, name: str, reason: str) -> Any:
    """Load tokenizer.json as it is, with the names and the template of its configuration."""
    from transformers import PreTrainedTokenizerFast

    log.warning("the tokenizer of %s is read from its tokenizer.json: %s", name, reason)
    try:
        return PreTrainedTokenizerFast.from_pretrained(place, revision=revision)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the files
        raise JudgeError(f"cannot load the tokenizer of {name}: {first_line(error)}") from None


def _files_of(tokenizer: Any, name: str) -> TokenizerFiles:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise JudgeError(f"the tokenizer of {name} has no fast version; rm_ray needs one")
    special = {
        key: str(value)
        for key, value in tokenizer.special_tokens_map.items()
        if isinstance(value, str)
    }
    given = tokenizer.chat_template
    named = given if isinstance(given, dict) else {"default": given}  # by the names of their uses
    return TokenizerFiles(
        str(backend.to_str()), named.get("default"), special, named.get("tool_use")
    )
