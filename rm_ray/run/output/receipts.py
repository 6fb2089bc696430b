"""Receipts: a shard that is written as several files is done when its receipt exists."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

import pyarrow as pa

from rm_ray.corpus.shards import Shard
from rm_ray.run.counts import RunCounts
from rm_ray.run.output.folder import RECEIPT
from rm_ray.store.folder import Folder

# Folder of the receipts in the output.
DONE = "_rm_ray/done"

Kind = TypeVar("Kind", bound=RunCounts)


def receipt(fingerprint: str, sizes: Mapping[str, int], counts: RunCounts, **more: str) -> bytes:
    """Return the content of a shard's receipt, which lists the files that were written.

    Args:
        fingerprint: the run's fingerprint.
        sizes: bytes of each file, by a name that the job chooses.
        counts: counts of the shard.
        more: further entries of the job, such as a hash of what was read.
    """
    content = {"fingerprint": fingerprint, "files": dict(sizes), **more, "counts": counts.stored()}
    return json.dumps(content, indent=1).encode()


def read_receipt(
    shard: Shard,
    receipts: Folder,
    fingerprint: str,
    kind: type[Kind],
    path_of: Callable[[str], str],
) -> tuple[Kind, int] | None:
    """Return a shard's counts and written rows from its receipt; None if other settings wrote it.

    Args:
        shard: the shard.
        receipts: the folder of the receipts.
        fingerprint: the run's fingerprint.
        kind: class of the job's counts.
        path_of: returns the path of a file below the output folder, from the file's name in the
            receipt.

    Raises:
        FileNotFoundError: there is no receipt.
        pa.ArrowInvalid: the receipt is damaged, or a file is gone or has another size.
    """
    data = receipts.read(name_of(shard))
    if data is None:
        raise FileNotFoundError(name_of(shard))
    try:
        content = json.loads(data)
        counts = kind(**content["counts"])
    except (ValueError, KeyError, TypeError) as error:
        raise pa.ArrowInvalid(f"its receipt: {error}") from None
    if content["fingerprint"] != fingerprint:
        return None
    root = replace(receipts, uri=receipts.uri.removesuffix(f"/{DONE}"))
    for path, size in ((path_of(name), size) for name, size in content["files"].items()):
        size_now = root.size(path)
        if size_now != size:
            state = "is gone" if size_now is None else f"has {size_now:,} bytes, not {size:,}"
            raise pa.ArrowInvalid(
                f"{path} {state}; remove its receipt {receipts.uri}/{name_of(shard)} too"
            )
    return counts, counts.rows


def name_of(shard: Shard) -> str:
    """Return the name of a shard's receipt."""
    return f"{shard.part}{RECEIPT}"
