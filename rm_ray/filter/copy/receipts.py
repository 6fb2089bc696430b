"""Receipts of bundles: a bundle is done when its receipt is there."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from rm_ray.corpus.shards import Shard
from rm_ray.filter.counts import FilterCounts
from rm_ray.run.output.folder import RECEIPT
from rm_ray.store.folder import Folder

# Where they lie in the output.
DONE = "_rm_ray/done"


def receipt(
    fingerprint: str, files: Mapping[str, bytes], rewards: str, counts: FilterCounts
) -> bytes:
    """What was written of a bundle.

    Args:
        files: by their folders.
        rewards: a hash of those that were read.
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
    """What a bundle's receipt says, and how many rows it wrote; None if by other settings.

    Raises:
        FileNotFoundError: there is none.
        pa.ArrowInvalid: it is damaged, or one of its files is not what it was.
    """
    data = receipts.read(name_of(shard))
    if data is None:
        raise FileNotFoundError(name_of(shard))
    try:
        said = json.loads(data)
        counts = FilterCounts(**said["counts"])
    except (ValueError, KeyError, TypeError) as error:
        raise pa.ArrowInvalid(f"its receipt: {error}") from None
    if said["fingerprint"] != fingerprint:
        return None
    root = replace(receipts, uri=receipts.uri.removesuffix(f"/{DONE}"))
    for folder, size in said["files"].items():
        found = (root / folder).size(shard.part)
        if found != size:
            what = "is gone" if found is None else f"has {found:,} bytes in place of {size:,}"
            raise pa.ArrowInvalid(
                f"{folder}/{shard.part} {what}; remove its receipt "
                f"{receipts.uri}/{name_of(shard)} too"
            )
    return counts, counts.rows


def name_of(shard: Shard) -> str:
    """Name of a bundle's receipt."""
    return f"{shard.part}{RECEIPT}"
