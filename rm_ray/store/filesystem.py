"""How a store is opened, through fsspec, and what it answers."""

import importlib
import logging
import socket
from collections.abc import Iterable
from typing import Any

from fsspec.utils import get_protocol

from rm_ray.config import StorageConfig
from rm_ray.store.stores import Store, store_of

log = logging.getLogger(__name__)

# Protocols of stores of which it was said that they give no versions.
_said_unversioned: set[str] = set()
# Bytes a second below which an upload counts as stuck.
SLOWEST_UPLOAD = 1_000_000

# Where errors of clients keep the HTTP status.
_STATUS = {"azure": "status_code", "gcsfs": "code", "aiohttp": "status"}


def open_filesystem(uri: str, storage: StorageConfig) -> Any:
    """The fsspec filesystem for a path or URI. It never trusts an old listing.

    Raises:
        ValueError: no store that is known has such an address, or a key is not for this store.
        ImportError: the protocol needs a package that is not installed.
        Denied: there are no credentials, or no account, to ask with.
    """
    store = store_of(uri)
    _refuse_foreign_keys(store, storage)
    _quieten(*store.chatty)
    try:
        importlib.import_module(store.client)
    except ImportError as error:
        package = f"'rm_ray[{store.extra}]'" if store.extra else store.client
        raise ImportError(
            f"{store.protocol}:// needs {store.client}, and {socket.gethostname()} has no such "
            f"package ({error}); on every machine: pip install {package}"
        ) from error
    return store.open(uri, storage)


def _refuse_foreign_keys(store: Store, storage: StorageConfig) -> None:
    asked = {"profile": storage.profile, "environment_prefix": storage.environment_prefix}
    if store.access and store.protocol != "s3" and (named := [key for key in asked if asked[key]]):
        raise ValueError(
            f"storage.{named[0]} names credentials of S3, and {store.protocol}:// is "
            f"{store.name}; leave it out, and {store.access.lacking}"
        )


def _quieten(*clients: str) -> None:
    """Clients log each request, and what they try, as information."""
    for client in map(logging.getLogger, clients):
        if client.level == logging.NOTSET:
            client.setLevel(logging.WARNING)


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
    """What a store answered: its own word for the error and the HTTP status; "" and 0 if nothing.

    Clients of stores keep the answer in the error that they raise, or in the error's cause.
    """
    for one in (error, error.__cause__):
        answer = getattr(one, "response", None)
        if isinstance(answer, dict):  # botocore
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return str(answer.get("Error", {}).get("Code", "")), int(status)
        package = type(one).__module__.partition(".")[0]
        status = getattr(one, _STATUS.get(package, ""), None)
        status = status or getattr(answer, "status_code", None)  # huggingface_hub
        if isinstance(status, int):
            return _word_of(one, answer) or str(status), status
    return "", 0


def _word_of(error: Any, answer: Any) -> str:
    """Azure's and the hub's word for an error."""
    said = getattr(error, "error_code", None) or ""
    headers = getattr(answer, "headers", None) or {}
    return str(getattr(said, "value", said) or headers.get("X-Error-Code") or "")


def say_unversioned(uris: Iterable[str]) -> None:
    """Warn, once for each kind of store, that it gives no versions of these files."""
    for protocol in {get_protocol(uri) for uri in uris if "://" in uri} - _said_unversioned:
        _said_unversioned.add(protocol)
        log.warning(
            "%s:// gives no versions of files: one that changes and keeps its size is not noticed",
            protocol,
        )


def version_of(uri: str, info: dict[str, Any]) -> str:
    """The version in what a filesystem says of the file of that path or URI; "" if there is none"""
    return store_of(uri).version_of(info)
