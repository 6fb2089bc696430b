"""Lists the kinds of stores: how each is opened, and how it names versions and denials.

All differences between stores stand in this module, or in the modules that open them.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import fsspec
from fsspec.utils import get_protocol

from rm_ray.addresses import check_address
from rm_ray.config import StorageConfig
from rm_ray.errors import redacted
from rm_ray.store import azure_account

# For each code of the store: the reason in words, and the remedy.
Reasons = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Access:
    """An Access has the words that explain a store's denials.

    `{keys}` in a text stands for the section with the store's keys, input.storage for example.
    """

    grants: Mapping[str, str]
    """The permissions that each verb of a Request needs, in words."""
    others: str
    """How to give other credentials."""
    lacking: str
    """The remedy if the client finds no credentials."""
    reasons: Reasons = field(default_factory=dict)
    """The reason and the remedy for each code of the store."""
    credentials: str = "credentials"
    """The store's word for credentials."""
    asks_why: Callable[[Any, str], object] | None = None
    """Asks the store again for the reason after an answer without a body; None if it cannot."""
    public: str = "buckets"
    """The store's word for the places that may be read without credentials."""


@dataclass(frozen=True)
class Store:
    """A Store describes a kind of store."""

    name: str
    """The store's name, for people."""
    protocols: tuple[str, ...]
    """Protocols of its addresses. The first is the one spelling for comparisons."""
    open: Callable[[str, StorageConfig], Any]
    """Opens the fsspec filesystem of an address."""
    versions: tuple[str, ...]
    """Keys of a file's `info` that tell versions apart, the best first."""
    client: str = "fsspec"
    """The package that opens the store."""
    extra: str = ""
    """The extra of rm_ray that installs the client; "" if every installation has it."""
    chatty: tuple[str, ...] = ()
    """Loggers that log too much."""
    at: Callable[[str, StorageConfig], str] = lambda *_: ""
    """Returns the service that gets requests to an address; "" if nobody needs to know."""
    access: Access | None = None
    """The words that explain denials; None for a store that never denies access."""
    spells: Callable[[str], str] = lambda rest: rest
    """Returns the one spelling of the part of an address that follows the protocol."""

    @property
    def protocol(self) -> str:
        """Return the protocol that names the store."""
        return self.protocols[0]

    def spelled(self, uri: str) -> str:
        """Return the URI in the one spelling for comparisons."""
        return f"{self.protocol}://{self.spells(uri.partition('://')[2])}"

    def version_of(self, info: Mapping[str, Any]) -> str:
        """Return a file's version from the client's `info`; "" if `info` has no version."""
        version = next((info[key] for key in self.versions if info.get(key) not in (None, "")), "")
        if isinstance(version, datetime):
            # some stores give a time to the millisecond in a listing and to the second elsewhere
            version = version.replace(microsecond=0)
        return str(version).strip('"')


def store_of(uri: str) -> Store:
    """Return the kind of store of a path or URI.

    Raises:
        ValueError: no files of this address are read or written here.
    """
    check_address(uri)
    return _BY_PROTOCOL[get_protocol(uri)]


def _environment(*names: str) -> str:
    return next(filter(None, map(os.environ.get, names)), "")


def _open_local(_uri: str, _storage: StorageConfig) -> Any:
    return fsspec.filesystem("file")


def _open_memory(_uri: str, _storage: StorageConfig) -> Any:
    return fsspec.filesystem("memory")


def _open_s3(_uri: str, storage: StorageConfig) -> Any:
    from rm_ray.store.s3 import open_s3

    return open_s3(storage)


def _open_gcs(_uri: str, storage: StorageConfig) -> Any:
    from rm_ray.store.gcs import open_gcs

    return open_gcs(storage)


def _open_azure(uri: str, storage: StorageConfig) -> Any:
    from rm_ray.store.azure import open_azure

    return open_azure(uri, storage)


def _open_hub(_uri: str, storage: StorageConfig) -> Any:
    from rm_ray.store.hub import open_hub

    return open_hub(storage)


def _open_web(_uri: str, _storage: StorageConfig) -> Any:
    return fsspec.filesystem("http", use_listings_cache=False)


def _at_s3(_uri: str, storage: StorageConfig) -> str:
    named = _environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    return storage.endpoint_url or redacted(named or "AWS")


def _at_gcs(_uri: str, storage: StorageConfig) -> str:
    named = _environment("STORAGE_EMULATOR_HOST")
    return storage.endpoint_url or redacted(named or "Google Cloud Storage")


def _at_azure(uri: str, storage: StorageConfig) -> str:
    host = azure_account.host_of(uri) or "Azure, of no account"
    return storage.endpoint_url or redacted(host)


def _at_hub(_uri: str, storage: StorageConfig) -> str:
    return storage.endpoint_url or redacted(_environment("HF_ENDPOINT") or "huggingface.co")


def _ask_s3_why(fs: Any, uri: str) -> None:
    """List one file: the answer gives the reason, while a HEAD's answer says only "Forbidden"."""
    bucket, key, _ = fs.split_path(uri)
    fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=key, MaxKeys=1)


_EXPIRED = "the credentials have expired", "renew them there"
_UNKNOWN = "the store does not know the credentials", "set valid ones there"
_AWS = Access(
    grants={
        "reading": "s3:GetObject and s3:ListBucket",
        "listing": "s3:ListBucket",
        "writing": "s3:PutObject",
        "removing": "s3:DeleteObject",
    },
    others="{keys}.profile",
    lacking="set them there, or give {keys}.profile",
    reasons={
        "ExpiredToken": _EXPIRED,
        "ExpiredTokenException": _EXPIRED,
        "TokenRefreshRequired": _EXPIRED,
        "RequestExpired": _EXPIRED,
        "InvalidAccessKeyId": _UNKNOWN,
        "InvalidToken": _UNKNOWN,
        "InvalidSecurity": _UNKNOWN,
        "InvalidClientTokenId": _UNKNOWN,
        "SignatureDoesNotMatch": ("the secret key is not the access key's", "set both anew there"),
        "RequestTimeTooSkewed": ("the machine's clock is wrong", "set it"),
    },
    asks_why=_ask_s3_why,
)
_GOOGLE = Access(
    grants={
        "reading": "storage.objects.get and storage.objects.list",
        "listing": "storage.objects.list",
        "writing": "storage.objects.create and storage.objects.delete",
        "removing": "storage.objects.delete",
    },
    others="GOOGLE_APPLICATION_CREDENTIALS there",
    lacking="set GOOGLE_APPLICATION_CREDENTIALS there",
    reasons={"401": ("the store does not accept the credentials", "renew them there")},
)
_READER, _WRITER = "Storage Blob Data Reader", "Storage Blob Data Contributor"
_LACKING = (
    "set AZURE_STORAGE_CONNECTION_STRING there, or AZURE_STORAGE_ACCOUNT_NAME with "
    "AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN or an identity (az login)"
)
_MICROSOFT = Access(
    grants={
        "reading": f"the role {_READER}",
        "listing": f"the role {_READER}",
        "writing": f"the role {_WRITER}",
        "removing": f"the role {_WRITER}",
    },
    others="AZURE_STORAGE_CONNECTION_STRING there",
    public="containers",
    lacking=_LACKING,
    reasons={
        "AuthenticationFailed": (
            "the store does not accept the credentials",
            "set there a key that is valid or a SAS token that has not expired, and the clock "
            "right",
        ),
        "AuthorizationFailure": (
            "the account's network rules or its roles deny it",
            f"let this machine's network in, and grant the role {_READER} or {_WRITER}",
        ),
        "PublicAccessNotPermitted": ("the account lets nobody in without credentials", _LACKING),
    },
)
_HUGGING_FACE = Access(
    grants=dict.fromkeys(("reading", "listing"), "access to the repository"),
    others="HF_TOKEN there",
    lacking="set HF_TOKEN there",
    credentials="token (if any)",
    public="repositories",
)
_WEB = Access(
    grants=dict.fromkeys(("reading", "listing"), "access"),
    others="a copy of the file in a store",
    lacking="copy the file to a store",
)

STORES = (
    Store("local folders", ("file", "local"), _open_local, ("mtime",)),
    Store("memory", ("memory",), _open_memory, ("created",)),
    Store(
        name="S3",
        protocols=("s3", "s3a"),
        open=_open_s3,
        versions=("ETag", "LastModified"),
        client="s3fs",
        at=_at_s3,
        access=_AWS,
    ),
    Store(
        name="Google Cloud Storage",
        protocols=("gs", "gcs"),
        open=_open_gcs,
        versions=("generation", "etag", "mtime"),
        client="gcsfs",
        extra="gcs",
        chatty=("gcsfs",),
        at=_at_gcs,
        access=_GOOGLE,
    ),
    Store(
        name="Azure Blob Storage",
        protocols=("abfs", "abfss", "az"),
        open=_open_azure,
        versions=("etag", "last_modified"),
        client="adlfs",
        extra="azure",
        chatty=("adlfs", "azure"),
        at=_at_azure,
        access=_MICROSOFT,
        spells=azure_account.spelled,
    ),
    Store(
        name="Hugging Face hub",
        protocols=("hf",),
        open=_open_hub,
        versions=("blob_id", "xet_hash", "mtime"),
        client="huggingface_hub",
        at=_at_hub,
        access=_HUGGING_FACE,
    ),
    Store(
        name="web",
        protocols=("https", "http"),
        open=_open_web,
        versions=("ETag", "Last-Modified", "Content-MD5", "Digest"),
        client="aiohttp",
        access=_WEB,
    ),
)
_BY_PROTOCOL = {protocol: store for store in STORES for protocol in store.protocols}
