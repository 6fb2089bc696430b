"""Finds the account of an Azure address: in the address, or else in the environment.

An address is abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH, or az://CONTAINER/PATH.
"""

import os
from urllib.parse import urlsplit

_CLOUD = "core.windows.net"


def host_in(uri: str) -> str:
    """Return the account's host that an address names; "" if it names none."""
    authority = uri.partition("://")[2].partition("/")[0]
    if "@" in authority:
        return authority.rpartition("@")[2]
    return authority if authority.endswith(f".{_CLOUD}") else ""


def host_of(uri: str) -> str:
    """Return the host of an address's account, else of the environment's; "" if neither has one."""
    if host := host_in(uri).replace(".dfs.", ".blob."):
        return host
    given = _connection()
    if endpoint := given.get("blobendpoint"):
        return endpoint.rstrip("/")
    account = given.get("accountname") or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME", "")
    cloud = given.get("endpointsuffix", _CLOUD)
    return f"{account}.blob.{cloud}" if account else ""


def other_account(uri: str) -> str:
    """Return the connection string's account if it differs from the address's; else "".

    The client would silently use the connection string's account.
    """
    named, given = host_in(uri).partition(".")[0], _connection()
    endpoint = urlsplit(given.get("blobendpoint", "")).netloc
    connected = given.get("accountname") or endpoint.partition(".")[0]
    return connected if named and connected and named != connected else ""


def spelled(rest: str) -> str:
    """Return CONTAINER@HOST/PATH for the part of an address that follows its protocol."""
    container, _, path = rest.partition("/")
    if host := host_in(f"abfs://{rest}"):
        if "@" not in container:
            container, _, path = path.partition("/")
        container = container.partition("@")[0]
        host = host.replace(".dfs.", ".blob.")
    else:
        host = host_of(f"abfs://{rest}").rpartition("://")[2]
    return f"{container}@{host}/{path}".rstrip("/")


def _connection() -> dict[str, str]:
    """Return the environment's connection string as a dict, with keys in lower case."""
    text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    pairs = (part.partition("=") for part in text.split(";"))
    return {key.strip().lower(): value.strip() for key, _, value in pairs}
