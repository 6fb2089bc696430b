"""Delta tables with deleted rows and renamed columns, written by the protocol.

deltalake writes neither deletion vectors nor column mapping.
"""

import base64
import json
import struct
import uuid
import zlib
from pathlib import Path

import pyarrow.parquet as pq
from pyroaring import BitMap64

# The alphabet of Z85, which the protocol encodes with.
Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
B85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
MAGIC = struct.pack("<i", 1681511377)


def z85(data: bytes) -> str:
    return base64.b85encode(data, pad=True).decode().translate(str.maketrans(B85, Z85))


def vector(root: Path, rows, *, inline: bool) -> dict:
    """The descriptor of a deletion vector; one that is not inline is written to a file."""
    data = MAGIC + BitMap64(rows).serialize()
    common = {"sizeInBytes": len(data), "cardinality": len(rows)}
    if inline:
        return {"storageType": "i", "pathOrInlineDv": z85(data), **common}
    name = uuid.uuid4()
    framed = struct.pack(">i", len(data)) + data + struct.pack(">I", zlib.crc32(data))
    (root / f"deletion_vector_{name}.bin").write_bytes(b"\x01" + framed)
    return {"storageType": "u", "pathOrInlineDv": z85(name.bytes), "offset": 1, **common}


def commits(root: Path) -> list[Path]:
    return sorted((root / "_delta_log").glob("*.json"))


def actions(root: Path, kind: str) -> list[dict]:
    lines = [json.loads(line) for path in commits(root) for line in path.read_text().splitlines()]
    return [line[kind] for line in lines if kind in line]


def commit(root: Path, *lines: dict) -> None:
    log = root / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    path = log / f"{len(commits(root)):020d}.json"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def live(root: Path) -> list[dict]:
    """The `add` actions of the files that the table has."""
    found = {}
    for path in commits(root):
        for line in map(json.loads, path.read_text().splitlines()):
            if "remove" in line:
                found.pop(line["remove"]["path"], None)
        for line in map(json.loads, path.read_text().splitlines()):
            if "add" in line:
                found[line["add"]["path"]] = line["add"]
    return [found[path] for path in sorted(found)]


def removed(add: dict) -> dict:
    keys = ("path", "partitionValues", "size", "deletionVector")
    kept = {key: add[key] for key in keys if add.get(key) is not None}
    stamp = {"deletionTimestamp": 1, "dataChange": True, "extendedFileMetadata": True}
    return {"remove": {**stamp, **kept}}


def delete(root: Path, file: int, rows, *, inline: bool = True) -> None:
    """Delete rows of a live file, by its number: its vector afterwards has just `rows`."""
    add = live(root)[file]
    new = {**add, "deletionVector": vector(root, rows, inline=inline)}
    commit(root, removed(add), {"add": new})


def restore(root: Path, file: int) -> None:
    """Undo the deletes of a live file."""
    add = live(root)[file]
    new = {key: value for key, value in add.items() if key != "deletionVector"}
    commit(root, removed(add), {"add": new})


def column(name: str, kind, stored: str, number: int) -> dict:
    mapping = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": stored}
    return {"name": name, "type": kind, "nullable": True, "metadata": mapping}


def mapped(root: Path, columns: list[dict], mode: str, features=(), partition=()) -> None:
    """Begin a table with column mapping."""
    names = ["columnMapping", "deletionVectors", *features]
    commit(
        root,
        {
            "protocol": {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": names,
                "writerFeatures": names,
            }
        },
        metadata(columns, mode, partition),
    )


def metadata(columns: list[dict], mode: str, partition=()) -> dict:
    return {
        "metaData": {
            "id": "00000000-0000-0000-0000-000000000001",
            "format": {"provider": "parquet", "options": {}},
            "schemaString": json.dumps({"type": "struct", "fields": columns}),
            "partitionColumns": list(partition),
            "configuration": {
                "delta.columnMapping.mode": mode,
                "delta.enableDeletionVectors": "true",
                "delta.columnMapping.maxColumnId": "9",
            },
            "createdTime": 1,
        }
    }


def add_file(root: Path, path: str, table, values=None, at: Path | None = None) -> None:
    """Add a Parquet file. `path`: as the log has it, URL-encoded; `at`: where it lies."""
    file = at or root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file, row_group_size=4)
    add = {"path": path, "partitionValues": values or {}, "size": file.stat().st_size}
    stats = json.dumps({"numRecords": len(table)})
    commit(root, {"add": {**add, "modificationTime": 1, "dataChange": True, "stats": stats}})
