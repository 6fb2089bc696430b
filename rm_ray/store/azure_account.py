"""Which account an Azure address is of: it may say so, or leave it to the environment.

abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH, or az://CONTAINER/PATH.
"""

import os
from urllib.parse import urlsplit

_CLOUD = "core.windows.net"


def host_in(uri: str) -> str:
    """The account's host that an address names; "" if it names none."""
    authority = uri.partition("://")[2].partition("/")[0]
    if "@" in authority:
        return authority.rpartition("@")[2]
    return authority if authority.endswith(f".{_CLOUD}") else ""


def host_of(uri: str) -> str:
    """The host of an address's account, or of the one in the environment; "" if there is none."""
    if host := host_in(uri).replace(".dfs.", ".blob."):
        return host
    given = _connection()
    if endpoint := given.get("blobendpoint"):
        return endpoint.rstrip("/")
    account = given.get("accountname") or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME", "")
    cloud = given.get("endpointsuffix", _CLOUD)
    return f"{account}.blob.{cloud}" if account else ""


def other_account(uri: str) -> str:
    """The account of the connection string, where that is not the address's; "" otherwise.

    The client would go to the connection string's, and say nothing.
    """
    named, given = host_in(uri).partition(".")[0], _connection()
    endpoint = urlsplit(given.get("blobendpoint", "")).netloc
    connected = given.get("accountname") or endpoint.partition(".")[0]
    return connected if named and connected and named != connected else ""


def spelled(rest: str) -> str:
    """What stands behind the protocol, with the account's host."""
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
    """The environment's connection string, by its keys in small letters."""
    said = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    pairs = (part.partition("=") for part in said.split(";"))
    return {key.strip().lower(): value.strip() for key, _, value in pairs}
