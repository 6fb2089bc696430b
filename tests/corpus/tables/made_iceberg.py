"""Iceberg tables: a catalog of a folder, and deletes that pyiceberg does not write.

pyiceberg deletes by rewriting files. Position deletes (version 2), deletion vectors (version 3) and
equality deletes are written by the specification here.
"""

import json
import struct
import uuid
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.avro.file import AvroOutputFile
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import (
    MANIFEST_ENTRY_SCHEMAS,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    data_file_with_partition,
    manifest_entry_schema_with_data_file,
    write_manifest_list,
)
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.serializers import FromInputFile, ToOutputFile
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER
from pyiceberg.typedef import Record
from pyroaring import BitMap64


class FolderCatalog(MetastoreCatalog, NoopCatalog):
    """Keeps tables in a folder: the table NAMESPACE.NAME in WAREHOUSE/NAMESPACE/NAME.

    A table with another location is known to this object only.
    """

    def __init__(self, name: str, **properties: str) -> None:
        super().__init__(name, **properties)
        self._elsewhere = {}

    def _place(self, identifier) -> Path:
        space, name = self.identifier_to_database_and_table(identifier)
        return Path(self.properties["warehouse"]) / space / name

    def create_table(self, identifier, schema, location=None, **more) -> Table:
        settings = {
            "partition_spec": UNPARTITIONED_PARTITION_SPEC,
            "sort_order": UNSORTED_SORT_ORDER,
            "properties": {},
        }
        place = location or f"file://{self._place(identifier)}"
        staged = self._create_staged_table(identifier, schema, place, **(settings | more))
        self._write(staged)
        if location:
            self._elsewhere[self.identifier_to_database_and_table(identifier)] = staged
        return self.load_table(identifier)

    def _write(self, staged) -> None:
        output = staged.io.new_output(staged.metadata_location)
        ToOutputFile.table_metadata(staged.metadata, output)

    def load_table(self, identifier) -> Table:
        names = self.identifier_to_database_and_table(identifier)
        if (staged := self._elsewhere.get(names)) is not None:
            return Table(names, staged.metadata, staged.metadata_location, staged.io, self)
        found = sorted((self._place(identifier) / "metadata").glob("*.metadata.json"))
        if not found:
            raise NoSuchTableError(str(identifier))
        location, io = str(found[-1]), PyArrowFileIO()
        metadata = FromInputFile.table_metadata(io.new_input(location))
        return Table(names, metadata, location, io, self)

    def commit_table(self, table, requirements, updates) -> CommitTableResponse:
        current = self.load_table(table.name())
        staged = self._update_and_stage_table(current, current.name(), requirements, updates)
        self._write(staged)
        if current.name() in self._elsewhere:
            self._elsewhere[current.name()] = staged
        return CommitTableResponse(
            metadata=staged.metadata, metadata_location=staged.metadata_location
        )


def catalog(warehouse: Path) -> FolderCatalog:
    return FolderCatalog("folder", warehouse=str(warehouse))


def metadata_file(root: Path) -> Path:
    return max((root / "metadata").glob("*.metadata.json"))


def data_files(root: Path) -> list[str]:
    """The paths of the live data files, sorted, as the table has them."""
    table = _table(root)
    return sorted(task.file.file_path for task in table.scan().plan_files())


def delete_positions(root: Path, rows: dict[str, list[int]]) -> None:
    """Delete rows by a position delete file; `rows` by the path of the data file."""
    pairs = [(path, row) for path in sorted(rows) for row in sorted(rows[path])]
    ids = {"file_path": 2147483546, "pos": 2147483545}
    fields = [
        pa.field(name, kind, False, {"PARQUET:field_id": str(ids[name])})
        for name, kind in (("file_path", pa.string()), ("pos", pa.int64()))
    ]
    table = pa.table(list(map(list, zip(*pairs, strict=True))), pa.schema(fields))
    file = root / "data" / f"{uuid.uuid4()}-deletes.parquet"
    pq.write_table(table, file)
    entry = {"content": DataFileContent.POSITION_DELETES, "file_format": FileFormat.PARQUET}
    _commit(root, [{**entry, **_of(file, len(pairs))}])


def delete_values(root: Path) -> None:
    """Delete rows by an equality delete file."""
    file = root / "data" / f"{uuid.uuid4()}-eq-deletes.parquet"
    id_field = pa.field("id", pa.int64(), metadata={"PARQUET:field_id": "1"})
    pq.write_table(pa.table([[1]], pa.schema([id_field])), file)
    entry = {"content": DataFileContent.EQUALITY_DELETES, "file_format": FileFormat.PARQUET}
    _commit(root, [{**entry, **_of(file, 1), "equality_ids": [1]}])


def delete_vectors(root: Path, rows: dict[str, list[int]], *, damage: bool = False) -> None:
    """Delete rows by deletion vectors in one Puffin file; the table becomes one of version 3."""
    file = root / "data" / f"{uuid.uuid4()}-deletes.puffin"
    data, blobs, entries = b"PFA1", [], []
    for path, of_file in rows.items():
        body = bytes([0xD1, 0xD3, 0x39, 0x64]) + BitMap64(of_file).serialize()
        checksum = zlib.crc32(body) ^ damage
        blob = struct.pack(">i", len(body)) + body + struct.pack(">I", checksum)
        place = {"content_offset": len(data), "content_size_in_bytes": len(blob)}
        blobs.append(
            {
                "type": "deletion-vector-v1",
                "fields": [2147483645],
                "snapshot-id": -1,
                "sequence-number": -1,
                "offset": len(data),
                "length": len(blob),
                "properties": {"referenced-data-file": path, "cardinality": str(len(of_file))},
            }
        )
        data += blob
        entries.append({"referenced_data_file": path, "record_count": len(of_file), **place})
    footer = json.dumps({"blobs": blobs}).encode()
    data += b"PFA1" + footer + struct.pack("<i", len(footer)) + bytes(4) + b"PFA1"
    file.write_bytes(data)
    kind = {"content": DataFileContent.POSITION_DELETES, "file_format": FileFormat.PUFFIN}
    _commit(root, [{**kind, **_of(file, 0), **entry} for entry in entries], version=3)


def _of(file: Path, rows: int) -> dict:
    return {
        "file_path": f"file://{file}",
        "record_count": rows,
        "file_size_in_bytes": file.stat().st_size,
    }


def _table(root: Path) -> Table:
    location, io = str(metadata_file(root)), PyArrowFileIO()
    metadata = FromInputFile.table_metadata(io.new_input(location))
    return Table(("n", "t"), metadata, location, io, NoopCatalog("none"))


def _commit(root: Path, files: list[dict], version: int = 2) -> None:
    """Add a snapshot with delete files."""
    table = _table(root)
    metadata, spec = table.metadata, table.spec()
    snapshot = metadata.current_snapshot()
    number = snapshot.snapshot_id + 1
    sequence = metadata.last_sequence_number + 1
    folder = root / "metadata"
    manifest = folder / f"{uuid.uuid4()}-m0.avro"
    _write_manifest(manifest, files, table, number)
    listed = ManifestFile.from_args(
        manifest_path=f"file://{manifest}",
        manifest_length=manifest.stat().st_size,
        partition_spec_id=spec.spec_id,
        content=ManifestContent.DELETES,
        sequence_number=sequence,
        min_sequence_number=sequence,
        added_snapshot_id=number,
        added_files_count=len(files),
        existing_files_count=0,
        deleted_files_count=0,
        added_rows_count=sum(file["record_count"] for file in files),
        existing_rows_count=0,
        deleted_rows_count=0,
        partitions=None,
        key_metadata=None,
    )
    manifest_list = folder / f"snap-{number}.avro"
    with write_manifest_list(
        2,
        table.io.new_output(str(manifest_list)),
        number,
        snapshot.snapshot_id,
        sequence,
        "null",
    ) as writer:
        writer.add_manifests([*snapshot.manifests(table.io), listed])
    told = json.loads(metadata_file(root).read_text())
    told["format-version"] = max(version, told["format-version"])
    if told["format-version"] == 3:
        told.setdefault("next-row-id", 0)
    told["last-sequence-number"] = sequence
    told["current-snapshot-id"] = number
    told["snapshots"].append(
        {
            "snapshot-id": number,
            "parent-snapshot-id": snapshot.snapshot_id,
            "sequence-number": sequence,
            "timestamp-ms": told["last-updated-ms"] + 1,
            "manifest-list": f"file://{manifest_list}",
            "summary": {"operation": "delete"},
            "schema-id": told["current-schema-id"],
        }
    )
    told["last-updated-ms"] += 1
    told["refs"] = {"main": {"snapshot-id": number, "type": "branch"}}
    version_now = int(metadata_file(root).name.partition("-")[0]) + 1
    new = folder / f"{version_now:05d}-{uuid.uuid4()}.metadata.json"
    new.write_text(json.dumps(told))


def _write_manifest(path: Path, files: list[dict], table: Table, snapshot: int) -> None:
    spec, schema = table.spec(), table.schema()
    kind = spec.partition_type(schema)
    with_partition = manifest_entry_schema_with_data_file(
        format_version=3, data_file=data_file_with_partition(kind, 3)
    )
    meta = {
        "schema": schema.model_dump_json(),
        "partition-spec": json.dumps([field.model_dump() for field in spec.fields]),
        "partition-spec-id": str(spec.spec_id),
        "format-version": "3",
        "content": "deletes",
        "avro.codec": "null",
    }
    nothing = Record(*[None] * len(kind.fields))
    with AvroOutputFile(
        table.io.new_output(str(path)), with_partition, "manifest_entry", metadata=meta
    ) as writer:
        assert MANIFEST_ENTRY_SCHEMAS[3]
        entries = [
            ManifestEntry.from_args(
                _table_format_version=3,
                status=ManifestEntryStatus.ADDED,
                snapshot_id=snapshot,
                sequence_number=None,
                file_sequence_number=None,
                data_file=DataFile.from_args(
                    _table_format_version=3, **{"partition": nothing, **file}
                ),
            )
            for file in files
        ]
        writer.write_block(entries)
