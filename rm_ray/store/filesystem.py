"""Opens stores through fsspec, and reads their answers from errors."""

import importlib
import logging
import socket
from collections.abc import Iterable
from typing import Any

from fsspec.utils import get_protocol

from rm_ray.config import StorageConfig
from rm_ray.store.stores import Store, store_of

log = logging.getLogger(__name__)

# Protocols for which the warning that they give no versions was logged.
_said_unversioned: set[str] = set()
# Bytes a second below which an upload counts as stuck.
SLOWEST_UPLOAD = 1_000_000

# The attribute of a client's error that holds the HTTP status, by package.
_STATUS = {"azure": "status_code", "gcsfs": "code", "aiohttp": "status"}


def open_filesystem(uri: str, storage: StorageConfig) -> Any:
    """Return the fsspec filesystem for a path or URI. It never trusts an old listing.

    Raises:
        ValueError: no known store has this address, or a key is not for this store.
        ImportError: the protocol needs a package that is not installed.
        Denied: there are no credentials, or no account.
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
    """Hide the clients' INFO lines, which report each request."""
    for client in map(logging.getLogger, clients):
        if client.level == logging.NOTSET:
            client.setLevel(logging.WARNING)


def connect_anew(uri: str, storage: StorageConfig) -> None:
    """Look for credentials again, since a client that found none never looks again."""
    fs = open_filesystem(uri, storage)
    if "s3" in fs.protocol:
        fs.connect(refresh=True)


def upload_options(fs: Any, data: bytes, storage: StorageConfig) -> dict[str, Any]:
    """Return options that make a write one request, with a limit on its time.

    The client's own timeouts do not notice a store that accepts a connection and never answers:
    the client waits for permission to send the body.
    """
    if not getattr(fs, "async_impl", False):
        return {}
    options = {"timeout": storage.timeout_s + len(data) / SLOWEST_UPLOAD}
    # one request, since an aborted upload in pieces could leave some pieces behind
    return options | ({"chunksize": len(data) + 1} if "s3" in fs.protocol else {})


def answer_of(error: BaseException) -> tuple[str, int]:
    """Return the store's own code for an error and the HTTP status; "" and 0 without an answer.

    Clients of stores keep the answer in the error that they raise, or in the error's cause.
    """
    for cause in (error, error.__cause__):
        answer = getattr(cause, "response", None)
        if isinstance(answer, dict):  # botocore
            status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return str(answer.get("Error", {}).get("Code", "")), int(status)
        package = type(cause).__module__.partition(".")[0]
        status = getattr(cause, _STATUS.get(package, ""), None)
        status = status or getattr(answer, "status_code", None)  # huggingface_hub
        if isinstance(status, int):
            return _code_of(cause, answer) or str(status), status
    return "", 0


def _code_of(error: Any, answer: Any) -> str:
    """Return Azure's or the hub's code for an error; "" if it has none."""
    code = getattr(error, "error_code", None) or ""
    headers = getattr(answer, "headers", None) or {}
    return str(getattr(code, "value", code) or headers.get("X-Error-Code") or "")


def say_unversioned(uris: Iterable[str]) -> None:
    """Warn, once per kind of store, that the store gives no versions of these files."""
    for protocol in {get_protocol(uri) for uri in uris if "://" in uri} - _said_unversioned:
        _said_unversioned.add(protocol)
        log.warning(
            "%s:// gives no versions of files: a file that changes but keeps its size goes "
            "unnoticed",
            protocol,
        )


def version_of(uri: str, info: dict[str, Any]) -> str:
    """Return a file's version from its filesystem's `info`; "" if `info` has no version."""
    return store_of(uri).version_of(info)
