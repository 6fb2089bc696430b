"""Find the metadata of an Iceberg table: by its metadata.json, its folder, or its catalog."""

import re
from typing import Any

from pyiceberg.serializers import FromInputFile
from pyiceberg.table.metadata import TableMetadata

from rm_ray.config import CorpusConfig
from rm_ray.corpus.tables.store_io import StoreIO
from rm_ray.errors import InputError, short
from rm_ray.store.folder import Folder, absolute

# The name of a metadata file, of a table without a catalog or with one. Its number is its version.
# Packed files have the name of their codec within it or, in old tables, at its end.
_NAMES = (
    re.compile(r"v(\d+)(?:\.\w+)?\.metadata\.json(?:\.\w+)?"),
    re.compile(r"(\d+)-.*\.metadata\.json(?:\.\w+)?"),
)
# The end of the names that are read; pyiceberg unpacks NAME.gz.metadata.json.
_ENDING = ".metadata.json"
_HINT = "version-hint.text"


def read_metadata(address: str, config: CorpusConfig) -> TableMetadata:
    """Read the newest metadata of a table.

    Args:
        address: a metadata.json file, the folder of a table, or CATALOG/namespace.table.
        config: the configuration of the corpus.

    Raises:
        InputError: there is no table, or it cannot be read.
    """
    where = f"{config.key}.path: iceberg:{address}"
    try:
        if address.endswith(_ENDING):
            return _read(address, config)
        names = Folder(f"{absolute(address)}/metadata", config.storage, side=config.key).names()
        if not names and _may_be_in_catalog(address):
            return _of_catalog(address, where)
        if not names:
            raise InputError(f"{where} has no folder `metadata` with files; give a table's folder")
        return _read(f"{absolute(address)}/metadata/{newest(names, address, config)}", config)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - pyiceberg and its catalogs raise errors of any kind
        raise InputError(f"{where} cannot be opened as an Iceberg table: {short(error)}") from None


def newest(names: list[str], address: str, config: CorpusConfig) -> str:
    """Return the newest of the metadata files in a folder.

    Args:
        names: names of the folder's files.
        address: the table's address, for errors.
        config: the configuration of the corpus.

    Raises:
        InputError: there is no metadata file, or it is not clear which one is the newest.
    """
    where = f"{config.key}.path: iceberg:{address}"
    numbered = [
        (int(match[1]), name)
        for name in names
        for pattern in _NAMES
        if (match := pattern.fullmatch(name))
    ]
    if not numbered:
        raise InputError(f"{where} has no file metadata/*.metadata.json")
    most = max(number for number, _ in numbered)
    if _HINT in names:
        most = max(most, _hinted(address, config))
    last = [name for number, name in numbered if number == most]
    if len(last) != 1:
        said = " and ".join(sorted(last)) or "none"
        raise InputError(
            f"{where}: it is not clear which metadata file is the newest (of version {most}: "
            f"{said}); name one, iceberg:{address.rstrip('/')}/metadata/NAME.metadata.json, or "
            "give the table by its catalog"
        )
    if not last[0].endswith(_ENDING):
        raise InputError(
            f"{where}: its newest metadata file is {last[0]}, and names that end otherwise than "
            f"in {_ENDING} are not read; unpack it to a file of the next version, or give the "
            "table by its catalog"
        )
    return last[0]


def _hinted(address: str, config: CorpusConfig) -> int:
    """Return the version that version-hint.text names; 0 if it names none."""
    folder = Folder(f"{absolute(address)}/metadata", config.storage, side=config.key)
    text = (folder.read(_HINT) or b"").decode(errors="replace").strip()
    return int(text) if text.isdecimal() else 0


def _read(location: str, config: CorpusConfig) -> TableMetadata:
    return FromInputFile.table_metadata(StoreIO(config.storage).new_input(absolute(location)))


def _may_be_in_catalog(address: str) -> bool:
    return "://" not in address and re.fullmatch(r"[^/]+/[^/]+\.[^/]+", address) is not None


def _of_catalog(address: str, where: str) -> TableMetadata:
    """Ask a catalog of pyiceberg's own configuration for a table."""
    from pyiceberg.catalog import load_catalog

    catalog, _, table = address.partition("/")
    try:
        loaded: Any = load_catalog(catalog).load_table(table)
    except Exception as error:  # noqa: BLE001 - catalogs raise errors of many kinds
        raise InputError(
            f"{where}: there is no such folder, and the catalog {catalog!r} of pyiceberg does not "
            f"give a table {table!r}: {short(error)}; catalogs are configured in .pyiceberg.yaml "
            "or by PYICEBERG_CATALOG__..."
        ) from None
    metadata: TableMetadata = loaded.metadata
    return metadata
