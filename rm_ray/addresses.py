"""Checks addresses of files and folders: no secrets in them, and a store that rm_ray knows."""

from fsspec.utils import get_protocol

from rm_ray.errors import redacted

HOLDS_CREDENTIALS = (
    "holds credentials, and would be stored with the run; take the credentials out, and set them "
    "in the environment"
)
# Kinds of tables. The address of a table begins with its kind and a colon.
LANCE = "lance"
TABLES = ("delta", "iceberg", LANCE)
# Protocols of the known stores.
WRITTEN = {"file", "local", "memory", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"}
ONLY_READ = {"hf", "http", "https"}


def table_of(path: str) -> tuple[str, str] | None:
    """Return the kind of a table and the rest of its address; None if a path is no table."""
    kind, colon, rest = path.partition(":")
    return (kind, rest) if colon and kind in TABLES else None


def lance_of(path: str) -> str | None:
    """Return the address of a Lance dataset without its kind; None if a path is no such dataset."""
    kind, rest = table_of(path) or ("", "")
    return rest if kind == LANCE else None


def refuse_credentials(uri: str, key: str = "path") -> None:
    """Refuse a path with secrets in it.

    Args:
        uri: the path, or another key's value of this kind.
        key: the key's name, for the error.

    Raises:
        ValueError: the value has secrets in it.
    """
    if redacted(uri) != uri:
        raise ValueError(f"{key} {HOLDS_CREDENTIALS} (a presigned URL holds some too)")


def check_address(uri: str, *, written: bool = False) -> None:
    """Refuse an address that rm_ray cannot read or write.

    Args:
        uri: the address.
        written: True if files are written to the address too.

    Raises:
        ValueError: rm_ray cannot read files of this address, or cannot write them.
    """
    protocol, into = get_protocol(uri), "s3://, gs:// or abfs:// (az://)"
    if protocol in ONLY_READ and written:
        raise ValueError(
            f"path is {uri}: {protocol}:// is only read, and never written; give a folder, or one "
            f"in {into}"
        )
    if protocol not in WRITTEN | ONLY_READ:
        raise ValueError(
            f"path is {uri}: {protocol}:// is no store that rm_ray knows; mount it as a folder, or "
            f"copy the files into a folder, or into {into} (hf:// and https:// are only read)"
        )
