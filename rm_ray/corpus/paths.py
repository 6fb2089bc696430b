"""Check the paths of a corpus as far as they tell without listing a folder.

A command line is checked by this file before anything that takes seconds to import.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from rm_ray.addresses import table_of
from rm_ray.config import CorpusConfig, OutputConfig
from rm_ray.corpus.listing import has_signs, literal_part, look_up
from rm_ray.errors import InputError, short
from rm_ray.store.access import Request
from rm_ray.store.filesystem import open_filesystem
from rm_ray.store.folder import absolute, place, same_store
from rm_ray.store.retry import patiently

Answer = TypeVar("Answer")


def check_paths(config: CorpusConfig, output: OutputConfig) -> None:
    """Refuse wrong input paths, as far as they can be known without listing a folder.

    Raises:
        InputError: an input path does not exist, or is the output folder, or lies in it.
    """
    check_apart(config, output)
    for path in config.paths:
        if not has_signs(path) and not table_of(path):
            ask_about(path, config, look_up)


def check_apart(config: CorpusConfig, output: OutputConfig) -> None:
    """Refuse to read from the output folder; an output folder inside an input folder is fine.

    Raises:
        InputError: an input path is the output folder, or lies in it.
    """
    for path in config.paths:
        _, address = table_of(path) or ("", path)
        where = place(literal_part(address))
        if is_own_output(where, config, output):
            raise InputError(
                f"{config.key}.path: {path} lies in this run's own output folder {output.path}; a "
                "run does not read its own output: give another --output.path"
            )


def is_own_output(where: str, config: CorpusConfig, output: OutputConfig | None) -> bool:
    """Return True if a place, as spelled by `place`, lies in this run's output folder."""
    if output is None or not same_store(where, config.storage, output.storage):
        return False
    return f"{where}/".startswith(f"{place(output.path).rstrip('/')}/")


def ask_about(path: str, config: CorpusConfig, question: Callable[[Any, str], Answer]) -> Answer:
    """Ask the filesystem of a path a question about the path, and return the answer."""
    uri = absolute(path)
    try:
        fs = open_filesystem(uri, config.storage)
        request = Request("listing", path, config.storage, config.key)
        return patiently(lambda: question(fs, fs._strip_protocol(uri)), request)
    except FileNotFoundError:
        raise InputError(f"{config.key}.path: {path} does not exist") from None
    except (OSError, ValueError, ImportError) as error:
        hint = ""
        if uri.startswith("hf://"):
            hint = (
                " (hf:// needs the package huggingface_hub and a way to huggingface.co on every "
                "machine; without these, download the files and give their folder)"
            )
        raise InputError(f"{config.key}.path: cannot list {path}: {short(error)}{hint}") from None
