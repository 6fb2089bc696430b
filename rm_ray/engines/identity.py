"""Identifies the model in a folder: a hash of all content, and a quick sample for each machine.

A retrained head changes a few bytes in fifteen gigabytes, so the fingerprint hashes every byte.
This is done once per large file: its hash stays in the user's cache folder, and holds as long as
the file's size and times do not change.
"""

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

log = logging.getLogger(__name__)

SUFFIXES = (".json", ".safetensors", ".txt", ".model")
# This file lies beside a model and is no part of it: it maps rewards to probabilities.
CALIBRATION = "calibration.json"
# Threads hash a file in pieces of this size; the hash of a smaller file is not remembered.
PIECE_BYTES = 64 << 20
READ_BYTES = 1 << 20
# Hashing more than this takes more than some seconds, and is logged.
QUIET_BYTES = 2 << 30
# A small file is sampled whole, a large file in this many evenly spaced stretches.
SAMPLE_BYTES = 1 << 20
SAMPLES = 16

# The size in bytes and a hash of the sample, by file name.
FolderSample = Mapping[str, tuple[int, str]]


def hash_folder(folder: Path, *, code: bool = False) -> str:
    """Hash the whole content of a model's files, and of its code too if the code is to run.

    Raises:
        OSError: a file cannot be read.
    """
    files = _files(folder, code=code)
    known = {path: digest for path in files if (digest := _remembered(path))}
    new = [path for path in files if path not in known]
    size = sum(path.stat().st_size for path in new)
    if size > QUIET_BYTES:
        log.info("hashing the %.0f GB of %s, once", size / 1e9, folder)
    known |= _hash_files(new)
    whole = hashlib.sha256()
    for path in files:
        whole.update(f"{path.name} {known[path]}\n".encode())
    return f"sha256:{whole.hexdigest()[:40]}"


def sample_folder(folder: Path, *, code: bool = False) -> FolderSample:
    """Return the sizes and samples of a model's files. 15 GB take a moment.

    Raises:
        OSError: a file cannot be read.
    """
    return {path.name: _sample(path) for path in _files(folder, code=code)}


def difference(expected: FolderSample, found: FolderSample) -> str | None:
    """Describe the first file that differs between the two folders; None if no file does."""
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            return f"{name} is missing"
        if name not in expected:
            return f"{name} is one file too many"
        (size, sample), (found_size, found_sample) = expected[name], found[name]
        if size != found_size:
            return f"{name} has {found_size:,} bytes, not {size:,}"
        if sample != found_sample:
            return f"{name} has other content"
    return None


def without_copies(names: Iterable[str]) -> list[str]:
    """Drop the second copy of the weights, in Mistral's own format, from the names of files."""
    all_names = list(names)
    others = [name for name in all_names if not name.startswith("consolidated")]
    return others if any(name.endswith(".safetensors") for name in others) else all_names


def _files(folder: Path, *, code: bool) -> list[Path]:
    suffixes = (*SUFFIXES, ".py") if code else SUFFIXES
    names = [p.name for p in folder.iterdir() if p.suffix in suffixes and p.is_file()]
    return [folder / name for name in sorted(without_copies(names)) if name != CALIBRATION]


def _hash_files(paths: Sequence[Path]) -> dict[Path, str]:
    before = {path: _times(path) for path in paths}
    with ThreadPoolExecutor() as threads:  # hashing and reading both release the interpreter lock
        pieces = {
            path: threads.map(partial(_hash_piece, path), range(0, size, PIECE_BYTES))
            for path, (size, *_) in before.items()
        }
        hashes = {path: _sha256(b"".join(digests)) for path, digests in pieces.items()}
    for path, digest in hashes.items():
        if _times(path) == before[path] and before[path][0] >= PIECE_BYTES:
            _remember(path, {"times": before[path], "digest": digest})
    return hashes


def _hash_piece(path: Path, start: int) -> bytes:
    digest, left = hashlib.sha256(), PIECE_BYTES
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while left and (data := file.read(min(left, READ_BYTES))):
            digest.update(data)
            left -= len(data)
    return digest.digest()


def _sample(path: Path) -> tuple[int, str]:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= SAMPLES * SAMPLE_BYTES:
            return size, _sha256(file.read())
        digest = hashlib.sha256()
        for i in range(SAMPLES):
            file.seek(i * (size - SAMPLE_BYTES) // (SAMPLES - 1))
            digest.update(file.read(SAMPLE_BYTES))
    return size, digest.hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _times(path: Path) -> list[int]:
    """Return a file's size, mtime and ctime. A copy that keeps its mtime has another ctime."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def user_cache() -> Path:
    """Return this user's folder on this machine for files that can be made or fetched again.

    Raises:
        RuntimeError: the user has no home.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "rm_ray"


def _note(path: Path) -> Path:
    return user_cache() / "weights" / f"{_sha256(str(path.resolve()).encode())[:32]}.json"


def _remembered(path: Path) -> str | None:
    try:
        note = json.loads(_note(path).read_text())
        return str(note["digest"]) if note["times"] == _times(path) else None
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):
        return None  # no note, or not one that rm_ray wrote: the file is hashed again


def _remember(path: Path, note: Mapping[str, object]) -> None:
    try:
        place = _note(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = place.with_suffix(f".{uuid.uuid4().hex}")
        temporary.write_text(json.dumps({"path": str(path.resolve()), **note}))
        temporary.replace(place)
    except (OSError, RuntimeError) as error:  # a user without a home is a RuntimeError
        log.debug("cannot remember the hash of %s: %s", path, error)
