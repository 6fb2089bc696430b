"""Counts every part from its own footer: totals never rely on a record of the work done."""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from rm_ray.corpus.plan import Planned, shards_of
from rm_ray.corpus.shards import Shard
from rm_ray.counts.summable import total
from rm_ray.run.counts import RunCounts
from rm_ray.run.shard_job import AnyJob
from rm_ray.store.at_once import at_once
from rm_ray.store.folder import Folder
from rm_ray.tasks.run import results_of

PARTS_PER_TASK = 256


def count_parts(
    shards: Sequence[Shard], parts: Folder, fingerprint: str, job: AnyJob
) -> tuple[RunCounts, list[str]]:
    """Return the totals over the shards' parts, and a sentence for each part that is wrong."""
    batches = [shards[i : i + PARTS_PER_TASK] for i in range(0, len(shards), PARTS_PER_TASK)]
    results = results_of(
        _count_batch,
        batches,
        parts,
        fingerprint,
        job,
        cpus=0.25,
        doing="counted parts",
        of=parts.uri,
    )
    counts = total((counts for counts, _ in results), job.spec.counts)
    return counts, [sentence for _, problems in results for sentence in problems]


def orphans(committed: Iterable[str], files: Sequence[Planned]) -> list[str]:
    """Return a sentence for each part of no planned shard. Its rows would be counted twice."""
    strays = set(committed) - {shard.part for shard in shards_of(files)}
    if strays:
        strays -= {empty_part(file) for file in files}
    return [f"{name}: belongs to no planned shard" for name in sorted(strays)]


def empty_part(file: Planned) -> str:
    """Return the name of the part that stands for a corpus without rows.

    The part has no rows, and stays if the corpus grows.

    Args:
        file: the first file of the corpus.
    """
    return Shard(file.path, 0, 0).part


def _count_batch(
    shards: Sequence[Shard], parts: Folder, fingerprint: str, job: AnyJob
) -> tuple[RunCounts, list[str]]:
    counts, problems = [], []
    counted = at_once(
        lambda shard: _count_part(shard, parts, fingerprint, job), shards, uri=parts.uri
    )
    for shard, result in zip(shards, counted, strict=True):
        if isinstance(result, str):
            problems.append(f"{shard.part}: {result}")
        else:
            counts.append(result)
    return total(counts, job.spec.counts), problems


def _count_part(shard: Shard, parts: Folder, fingerprint: str, job: AnyJob) -> RunCounts | str:
    try:
        counted = job.read_counts(shard, parts, fingerprint)
    except FileNotFoundError:
        return "missing"
    except pa.ArrowInvalid as error:
        return f"damaged: {error}"
    if counted is None:
        return "written with other settings"
    counts, rows = counted
    written = counts.rows
    if job.spec.documents_known:
        expected = job.count_documents([shard])
        if counts.documents != expected:
            return f"counts {counts.documents} documents, not {expected}"
        written = expected if job.spec.a_row_each else counts.rows
    if rows != written:
        return f"has {rows} rows, not {written}"
    return counts
