"""Plans one version of a Lance dataset, once; later invocations go on with that version.

This module writes nothing: the caller stores the new segment of the plan, or shows it.
"""

import base64
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rm_ray.cluster.fit import check_task
from rm_ray.convert.config import ConvertConfig
from rm_ray.convert.lance.columns import output_schema
from rm_ray.convert.lance.dataset import Fragment, LanceVersion
from rm_ray.convert.lance.plan import PlannedFragment
from rm_ray.convert.shard_stage import MIB
from rm_ray.corpus.shards import even_cuts
from rm_ray.errors import InputError
from rm_ray.run.shard_job import Planning

log = logging.getLogger(__name__)

# Rows are read so many at once, or fewer if they are large: about so many bytes of the files. Blobs
# may lie in files that the dataset does not list, so their size is not known.
MOST_ROWS, BYTES, BLOB_ROWS = 1024, 4 << 20, 16
# Key of the notes of the plan's segment.
NOTE = "lance"


@dataclass(frozen=True, kw_only=True)
class LancePlanning(Planning[PlannedFragment]):
    """A LancePlanning is the result of planning a version of a dataset."""

    address: str
    """Path or URI of the dataset's folder."""
    version: int
    """Number of the version."""
    schema: pa.Schema
    """The schema of the output."""
    fragments: Sequence[PlannedFragment]
    """All planned fragments."""


def plan_version(
    config: ConvertConfig,
    found: LanceVersion,
    planned: Sequence[PlannedFragment],
    notes: Sequence[Mapping[str, Any]],
) -> LancePlanning:
    """Plan a version of a dataset, or go on with the version that is planned.

    Args:
        config: the configuration.
        found: the dataset, at the version that the configuration asks for.
        planned: the fragments planned before.
        notes: the notes of the plan's segments so far.

    Raises:
        InputError: another version is planned than asked for, or a type is refused.
        ClusterError: no machine has room for a task.
    """
    check_task(config.tasks.cpus, "tasks.cpus")
    if notes:
        _check_version(config, found, notes[0][NOTE]["version"])
        return _planned_before(found.address, planned, notes[0][NOTE])
    schema = output_schema(found.schema, config.output, f"lance:{found.address}")
    fragments = [_cut(one, found, config.shard.mb * MIB) for one in found.fragments if one.rows]
    stored = base64.b64encode(schema.serialize().to_pybytes()).decode()
    return LancePlanning(
        files=fragments,
        replaced=[],
        skipped={},
        columns={},
        notes={NOTE: {"version": found.number, "schema": stored}},
        address=found.address,
        version=found.number,
        schema=schema,
        fragments=fragments,
    )


def _check_version(config: ConvertConfig, found: LanceVersion, planned: int) -> None:
    """Refuse another version if it is asked for; tell of it if it is only the newest one.

    Raises:
        InputError: it is asked for.
    """
    if found.number == planned:
        return
    other = f"version {found.number} needs an --output.path of its own"
    if config.input.snapshot is not None:
        raise InputError(
            f"input.snapshot: {config.output.path} has version {planned} of "
            f"lance:{found.address}, and {other}"
        )
    log.warning(
        "lance:%s is at version %d now; this run converts version %d, which it has planned, and %s",
        found.address, found.number, planned, other,
    )  # fmt: skip


def _planned_before(
    address: str, planned: Sequence[PlannedFragment], note: Mapping[str, Any]
) -> LancePlanning:
    stored = pa.py_buffer(base64.b64decode(note["schema"]))
    return LancePlanning(
        files=[],
        replaced=[],
        skipped={},
        columns={},
        address=address,
        version=note["version"],
        schema=pa.ipc.read_schema(stored),
        fragments=planned,
    )


def _cut(fragment: Fragment, found: LanceVersion, shard_bytes: float) -> PlannedFragment:
    physical = fragment.rows + fragment.deleted
    at_once = int(BYTES * physical / max(fragment.size, 1))
    return PlannedFragment(
        path=fragment.path,
        address=found.address,
        version=found.number,
        fragment=fragment.number,
        files=fragment.files,
        size=fragment.size,
        deleted=fragment.deleted,
        at_once=max(1, min(at_once, BLOB_ROWS if found.has_blobs else MOST_ROWS)),
        cuts=tuple(even_cuts(0, fragment.rows, max(1, math.ceil(fragment.size / shard_bytes)))),
    )
