"""Azure Blob Storage: opened by adlfs, each request tried once, and each file one request."""

import logging
import socket
from typing import Any

from adlfs import AzureBlobFileSystem
from azure.storage.blob.aio import BlobServiceClient

from rm_ray.config import StorageConfig
from rm_ray.store.azure_account import host_in, host_of, other_account
from rm_ray.store.denied import Denied

# The largest blob that Azure takes in one request. In blocks, two that write one name could mix.
_LARGEST_PUT = 5000 << 20
# It logs each place that has no credentials, over many lines; what it raises says the same.
_CHATTY = "azure.identity"


def open_azure(uri: str, storage: StorageConfig) -> Any:
    """The filesystem of an address's account.

    Raises:
        Denied: neither the address nor the environment names an account, or they name two.
    """
    logging.getLogger(_CHATTY).setLevel(logging.ERROR)
    machine = socket.gethostname()
    if other := other_account(uri):
        raise Denied(
            f"{uri} is of another account than {other}, to which "
            f"AZURE_STORAGE_CONNECTION_STRING leads on {machine}; give the address or the "
            "connection string of one account"
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
    """Azure as it is now: asked once, by one request, and never about an old listing."""

    def __init__(self, *, host: str, endpoint: str | None, seconds: float, **options: Any) -> None:
        """For the account whose host is given; for the environment's if that is ""."""
        self._host, self._endpoint, self._seconds = host, endpoint, seconds
        if host:
            options["account_name"] = host.partition(".")[0]
            options["account_host"] = host.replace(".dfs.", ".blob.")
        # an old listing is even read by: a blob that has grown since would be cut short
        super().__init__(use_listings_cache=False, **options)

    def do_connect(self) -> None:
        """Connect by a client that waits for so long, and leaves trying again to us."""
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
        """The address of a file, with the account if addresses of this one name it."""
        container, _, path = self._strip_protocol(name).partition("/")
        return f"abfs://{container}{self._host and f'@{self._host}'}/{path}".rstrip("/")
