"""Receipts of bundles: a bundle is done when its receipt exists."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from rm_ray.corpus.shards import Shard
from rm_ray.filter.counts import FilterCounts
from rm_ray.run.output.folder import RECEIPT
from rm_ray.store.folder import Folder

# Folder of the receipts in the output.
DONE = "_rm_ray/done"


def receipt(
    fingerprint: str, files: Mapping[str, bytes], rewards: str, counts: FilterCounts
) -> bytes:
    """Return the content of a bundle's receipt, which lists the files that were written.

    Args:
        fingerprint: the filter's fingerprint.
        files: contents of each file, by folder.
        rewards: hash of the rewards that were read.
        counts: counts of the bundle.
    """
    content = {
        "fingerprint": fingerprint,
        "files": {folder: len(data) for folder, data in files.items()},
        "rewards": f"sha256:{rewards}",
        "counts": counts.stored(),
    }
    return json.dumps(content, indent=1).encode()


def read_receipt(
    shard: Shard, receipts: Folder, fingerprint: str
) -> tuple[FilterCounts, int] | None:
    """Return a bundle's counts and written rows from its receipt; None if other settings wrote it.

    Raises:
        FileNotFoundError: there is no receipt.
        pa.ArrowInvalid: the receipt is damaged, or a file is gone or has another size.
    """
    data = receipts.read(name_of(shard))
    if data is None:
        raise FileNotFoundError(name_of(shard))
    try:
        content = json.loads(data)
        counts = FilterCounts(**content["counts"])
    except (ValueError, KeyError, TypeError) as error:
        raise pa.ArrowInvalid(f"its receipt: {error}") from None
    if content["fingerprint"] != fingerprint:
        return None
    root = replace(receipts, uri=receipts.uri.removesuffix(f"/{DONE}"))
    for folder, size in content["files"].items():
        size_now = (root / folder).size(shard.part)
        if size_now != size:
            state = "is gone" if size_now is None else f"has {size_now:,} bytes, not {size:,}"
            raise pa.ArrowInvalid(
                f"{folder}/{shard.part} {state}; remove its receipt "
                f"{receipts.uri}/{name_of(shard)} too"
            )
    return counts, counts.rows


def name_of(shard: Shard) -> str:
    """Return the name of a bundle's receipt."""
    return f"{shard.part}{RECEIPT}"
