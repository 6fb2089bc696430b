"""Read the data files and delete files of an Iceberg snapshot from its manifests.

pyiceberg 0.12 reads manifests by the schema of version 2, which leaves out where the deletion
vectors of version 3 are. So they are read with its schema of version 3 here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyiceberg.avro.file import AvroFile
from pyiceberg.manifest import (
    DATA_FILE_TYPE,
    MANIFEST_ENTRY_SCHEMAS,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from rm_ray.corpus.tables.store_io import StoreIO
from rm_ray.store.at_once import at_once
from rm_ray.store.folder import absolute

_VERSION = 3
_PLACES = {field.name: number for number, field in enumerate(DATA_FILE_TYPE[_VERSION].fields)}


@dataclass(frozen=True)
class Entry:
    """An Entry is a data file or a delete file of a snapshot."""

    path: str
    """Path or URI of the file, absolute."""
    content: DataFileContent
    """Data, or which kind of deletes."""
    format: FileFormat
    """Format of the file."""
    sequence: int
    """Sequence number: a delete file holds for data files of the same number and of lower ones."""
    rows: int
    """Number of records."""
    partition: tuple[Any, ...]
    """Partition values, in the order of the fields of the partition spec."""
    spec: int
    """Number of the partition spec."""
    encrypted: bool
    """True if the file is encrypted."""
    of_file: str | None = None
    """The data file that a deletion vector is of; None for other files."""
    offset: int | None = None
    """First byte of a deletion vector in its file."""
    size: int | None = None
    """Bytes of a deletion vector."""


def entries(snapshot: IcebergSnapshot, io: StoreIO) -> Iterator[Entry]:
    """Yield the live data files and delete files of a snapshot."""
    manifests = snapshot.manifests(io)
    for found in at_once(lambda manifest: _of_manifest(manifest, io), manifests):
        yield from found


def _of_manifest(manifest: ManifestFile, io: StoreIO) -> list[Entry]:
    with AvroFile[ManifestEntry](
        io.new_input(manifest.manifest_path),
        MANIFEST_ENTRY_SCHEMAS[_VERSION],
        read_types={-1: ManifestEntry, 2: DataFile},
        read_enums={0: ManifestEntryStatus, 101: FileFormat, 134: DataFileContent},
    ) as reader:
        return [
            _entry(entry, manifest)
            for entry in reader
            if entry.status != ManifestEntryStatus.DELETED
        ]


def _entry(entry: ManifestEntry, manifest: ManifestFile) -> Entry:
    file = entry.data_file
    sequence = entry.sequence_number
    if sequence is None:  # inherited from the manifest, as the format has it
        sequence = manifest.sequence_number
    of_file = file[_PLACES["referenced_data_file"]]
    return Entry(
        path=absolute(file.file_path),
        content=file.content or DataFileContent.DATA,
        format=file.file_format,
        sequence=sequence or 0,
        rows=file.record_count,
        partition=tuple(file.partition[n] for n in range(len(file.partition))),
        spec=manifest.partition_spec_id,
        encrypted=bool(file.key_metadata),
        of_file=absolute(of_file) if of_file else None,
        offset=file[_PLACES["content_offset"]],
        size=file[_PLACES["content_size_in_bytes"]],
    )
