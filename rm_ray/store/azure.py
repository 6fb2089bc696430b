"""Opens Azure Blob Storage with adlfs. Each request is tried once, and each file is one request."""

import logging
import socket
from typing import Any

from adlfs import AzureBlobFileSystem
from azure.storage.blob.aio import BlobServiceClient

from rm_ray.config import StorageConfig
from rm_ray.store.azure_account import host_in, host_of, other_account
from rm_ray.store.denied import Denied

# The largest blob that Azure takes in one request, in bytes. If files were written in blocks, the
# blocks of two writers of the same name could mix.
_LARGEST_PUT = 5000 << 20
# This logger writes many lines on each place without credentials; its exceptions say the same.
_CHATTY = "azure.identity"


def open_azure(uri: str, storage: StorageConfig) -> Any:
    """Open the filesystem of an address's account.

    Raises:
        Denied: neither the address nor the environment names an account, or they name two.
    """
    logging.getLogger(_CHATTY).setLevel(logging.ERROR)
    machine = socket.gethostname()
    if other := other_account(uri):
        raise Denied(
            f"{uri} names another account than AZURE_STORAGE_CONNECTION_STRING on {machine}, "
            f"which leads to {other}; give the address and the connection string of one account"
        )
    if not host_of(uri) and not storage.endpoint_url:
        raise Denied(
            f"no account: {uri} names none, nor does the environment on {machine}; write "
            "abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/..., or set there "
            "AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT_NAME"
        )
    return OneTryAzure(
        host=host_in(uri),
        endpoint=storage.endpoint_url,
        seconds=storage.timeout_s,
        anon=storage.anonymous or None,
    )


class OneTryAzure(AzureBlobFileSystem):  # type: ignore[misc]
    """OneTryAzure is adlfs without retries, split uploads and cached listings."""

    def __init__(self, *, host: str, endpoint: str | None, seconds: float, **options: Any) -> None:
        """Open the account with this host; if the host is "", the account of the environment."""
        self._host, self._endpoint, self._seconds = host, endpoint, seconds
        if host:
            options["account_name"] = host.partition(".")[0]
            options["account_host"] = host.replace(".dfs.", ".blob.")
        # adlfs takes a file's size from an old listing: a file that grew would be cut short
        super().__init__(use_listings_cache=False, **options)

    def do_connect(self) -> None:
        """Connect by a client with the given timeout and without retries; rm_ray retries itself."""
        super().do_connect()
        known: BlobServiceClient = self.service_client
        self.service_client: BlobServiceClient = BlobServiceClient(
            self._endpoint or known.url,
            credential=known.credential,
            connection_timeout=self._seconds,
            read_timeout=self._seconds,
            retry_total=0,
            max_single_put_size=_LARGEST_PUT,
        )

    def unstrip_protocol(self, name: str) -> str:
        """Return a file's address, with the account's host if this filesystem was given one."""
        container, _, path = self._strip_protocol(name).partition("/")
        return f"abfs://{container}{self._host and f'@{self._host}'}/{path}".rstrip("/")
