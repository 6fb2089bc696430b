"""Explains in a sentence that a store denied access: the request, machine, credentials and remedy.

A store says only "Forbidden". A person who reads this at night has many machines, two stores and
several credentials.
"""

import socket
from dataclasses import dataclass

from rm_ray.config import StorageConfig
from rm_ray.errors import first_line, short
from rm_ray.store.denied import Denied
from rm_ray.store.filesystem import answer_of, open_filesystem
from rm_ray.store.stores import Access, store_of

# Errors of clients that found no credentials, by package and name. Importing them would be slow.
_MISSING = {
    "botocore": {
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "ProfileNotFound",
        "TokenRetrievalError",
        "SSOTokenLoadError",
        "UnauthorizedSSOTokenError",
        "NoAuthTokenError",
    },
    "google": {"DefaultCredentialsError", "RefreshError", "MutualTLSChannelError"},
    "azure": {"ClientAuthenticationError", "CredentialUnavailableError"},
}
_MISSING["aiobotocore"] = _MISSING["botocore"]
# Codes of answers without a body (to HEAD requests), which have a status and no reason.
_BARE = {"400", "401", "403"}
_DENIED = {401, 403}


@dataclass(frozen=True)
class Request:
    """A Request describes one request to a store."""

    verb: str
    """reading, listing, writing or removing."""
    uri: str
    """The address of the file or folder."""
    storage: StorageConfig
    """How the store is reached."""
    side: str
    """The section of the configuration that has the store's keys: input, output or judge."""

    @property
    def store(self) -> str:
        """Return the address of the store's service; "" for a local path."""
        return store_of(self.uri).at(self.uri, self.storage)

    def __str__(self) -> str:
        return f"{self.verb} {self.uri}{f' at {self.store}' if self.store else ''}"


def lacks_credentials(error: BaseException | None) -> bool:
    """Return True if the client found no credentials, by the error or one of its causes."""
    return _lack(error) is not None


def _lack(error: BaseException | None) -> Exception | None:
    if not isinstance(error, Exception):
        return None
    package, _, _ = type(error).__module__.partition(".")
    lacks = type(error).__name__ in _MISSING.get(package, ())
    # an answer from the store shows that the client had credentials
    return error if lacks and not answer_of(error)[1] else _lack(error.__cause__)


def explained(error: Exception, request: Request) -> Exception:
    """Return a Denied with a full explanation if access was denied, else the error itself."""
    access = store_of(request.uri).access
    if isinstance(error, Denied) or access is None:
        return error
    keys = f"{request.side}.storage"
    if lack := _lack(error):
        why, remedy = f"no {access.credentials} ({first_line(lack)})", access.lacking
        if request.verb in ("reading", "listing"):
            remedy += f"; {keys}.anonymous reads public {access.public}"
    else:
        code, status = _answer(error, request, access)
        if code in access.reasons:
            why, remedy = access.reasons[code]
        elif isinstance(error, PermissionError) or status in _DENIED:
            why = "access denied"
            remedy = f"grant them {access.grants[request.verb]}, or give others by {access.others}"
        else:
            return error
        why = f"{why} ({code or short(error)})"
        if request.storage.anonymous:
            remedy = f"give some, without {keys}.anonymous"
    remedy = remedy.format(keys=keys)
    who = _whose(request, access)
    message = f"{why}: {request}, from {socket.gethostname()} with {who}: {remedy}"
    denied = Denied(message)
    denied.__cause__ = error
    return denied


def _answer(error: Exception, request: Request, access: Access) -> tuple[str, int]:
    """Return the store's code for the reason, and the status. Ask again if the code is missing."""
    code, status = answer_of(error)
    if code not in _BARE or access.asks_why is None:
        return code, status
    try:
        access.asks_why(open_filesystem(request.uri, request.storage), request.uri)
    except Exception as second:  # noqa: BLE001 - the second request only looks for the reason
        reason, _ = answer_of(second)
        return reason or code, status
    return code, status


def _whose(request: Request, access: Access) -> str:
    storage, keys = request.storage, f"{request.side}.storage"
    if storage.anonymous:
        return f"no credentials ({keys}.anonymous)"
    if storage.profile:
        return f"the credentials of {keys}.profile {storage.profile}"
    if storage.environment_prefix:
        return f"the credentials in {storage.environment_prefix}AWS_... ({keys})"
    return f"the {access.credentials} found there for {keys}"
