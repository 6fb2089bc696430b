"""How a store is opened: through fsspec, with whose credentials, and each request tried once.

Three layers that try again multiply: botocore's five tries in each of s3fs's five in each of ours
were 75 connections for one read. Ours (retry) is the only one.
"""

import os
import socket
from typing import Any

import fsspec

from rm_ray.config import StorageConfig

# Bytes a second below which an upload counts as stuck.
SLOWEST_UPLOAD = 1_000_000


class Denied(PermissionError):
    """A store does not let us; the message says who, where, and what to do."""


def open_filesystem(uri: str, storage: StorageConfig) -> Any:
    """The fsspec filesystem for a path or URI.

    Raises:
        ValueError: the protocol is unknown.
        ImportError: the protocol needs a package that is not installed.
        Denied: the environment has no credentials of the prefix that is configured.
    """
    protocol = fsspec.utils.get_protocol(uri)
    if protocol not in ("s3", "s3a"):
        return fsspec.filesystem(protocol)
    client = {"endpoint_url": storage.endpoint_url, "region_name": storage.region}
    seconds = storage.timeout_s
    fs = fsspec.filesystem(
        protocol,
        use_listings_cache=False,
        anon=storage.anonymous,
        client_kwargs={key: value for key, value in client.items() if value},
        config_kwargs={
            "connect_timeout": seconds,
            "read_timeout": seconds,
            "retries": {"total_max_attempts": 1, "mode": "standard"},
        },
        **_credentials(storage),
    )
    fs.retries = 1
    return fs


def connect_anew(uri: str, storage: StorageConfig) -> None:
    """Look for credentials again: a client that found none never does."""
    fs = open_filesystem(uri, storage)
    if "s3" in fs.protocol:
        fs.connect(refresh=True)


def upload_options(fs: Any, data: bytes, storage: StorageConfig) -> dict[str, Any]:
    """What a write of these bytes is given, besides: to be one request, and not to wait for ever.

    A store that accepts and never answers is not noticed by the client's timeouts before the
    body is sent: it waits for leave to send it.
    """
    if not getattr(fs, "async_impl", False):
        return {}
    options = {"timeout": storage.timeout_s + len(data) / SLOWEST_UPLOAD}
    # one request: in pieces, an aborted upload could leave its pieces behind
    return options | ({"chunksize": len(data) + 1} if "s3" in fs.protocol else {})


def answer_of(error: BaseException) -> tuple[str, int]:
    """What a store answered, as S3 says it: its error code and HTTP status; "" and 0 if nothing."""
    for one in (error, error.__cause__):
        if isinstance(answer := getattr(one, "response", None), dict):
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return str(answer.get("Error", {}).get("Code", "")), int(status)
    return "", 0


def version_of(info: dict[str, Any]) -> str:
    """The etag or modification time in what a filesystem says of a file, "" if there is none."""
    for key in ("ETag", "etag", "mtime", "LastModified", "last_modified", "created"):
        if info.get(key):
            return str(info[key]).strip('"')
    return ""


def _credentials(storage: StorageConfig) -> dict[str, str]:
    """As s3fs wants them; from an object's fields they would reach files and other machines."""
    if storage.profile:
        return {"profile": storage.profile}
    if not storage.environment_prefix:
        return {}
    names = {
        "key": f"{storage.environment_prefix}AWS_ACCESS_KEY_ID",
        "secret": f"{storage.environment_prefix}AWS_SECRET_ACCESS_KEY",
        "token": f"{storage.environment_prefix}AWS_SESSION_TOKEN",
    }
    found = {key: value for key, name in names.items() if (value := os.environ.get(name))}
    if missing := [names[key] for key in ("key", "secret") if key not in found]:
        raise Denied(
            f"no credentials: the environment on {socket.gethostname()} has no "
            f"{' and no '.join(missing)} (storage.environment_prefix); set them there"
        )
    return found
