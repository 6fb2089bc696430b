"""Access that a store denies, in a sentence: to what, from where, as whom, and what to do.

A store says "Forbidden" and no more; who reads that at night has many machines, two stores and
several credentials.
"""

import os
import socket
from dataclasses import dataclass

from rm_ray.config import StorageConfig
from rm_ray.errors import redacted
from rm_ray.store.filesystem import Denied, answer_of, open_filesystem

# What an S3 policy has to grant for it.
GRANTS = {
    "reading": "s3:GetObject and s3:ListBucket",
    "listing": "s3:ListBucket",
    "writing": "s3:PutObject",
    "removing": "s3:DeleteObject",
}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_UNKNOWN = {"InvalidAccessKeyId", "InvalidToken", "InvalidSecurity", "InvalidClientTokenId"}
# Of botocore, by name: it takes its time to import.
_MISSING = {
    "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound",
    "TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError", "NoAuthTokenError",
}  # fmt: skip
# Of requests whose answer has no body (HEAD): a status, and not why.
_BARE = {"400", "401", "403"}


@dataclass(frozen=True)
class Request:
    """What is asked of a store. `verb`: one of GRANTS. `side`: of the job: input, output, judge."""

    verb: str
    uri: str
    storage: StorageConfig
    side: str

    @property
    def store(self) -> str:
        """The store's address; "" for a local path."""
        protocol, mark, _ = self.uri.partition("://")
        if not mark or protocol not in ("s3", "s3a"):
            return ""
        named = (os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
        return self.storage.endpoint_url or redacted(next(filter(None, named), "AWS"))

    def __str__(self) -> str:
        return f"{self.verb} {self.uri}{f' at {self.store}' if self.store else ''}"


def lacks_credentials(error: BaseException | None) -> bool:
    """Whether the client found none to ask with: the error is that, or was raised from it."""
    return error is not None and (_is_lack(error) or lacks_credentials(error.__cause__))


def _is_lack(error: BaseException) -> bool:
    name, _, _ = type(error).__module__.partition(".")
    return name in ("botocore", "aiobotocore") and type(error).__name__ in _MISSING


def explained(error: Exception, request: Request) -> Exception:
    """The error; where it says that access is denied, one that says all about it."""
    if isinstance(error, Denied) or not request.store:
        return error
    missing = _is_lack(error)
    code = "" if missing else _code(error, request)
    keys = f"{request.side}.storage"
    if missing:
        why, remedy = f"no credentials ({error})", f"set them there, or give {keys}.profile"
        if request.verb in ("reading", "listing"):
            remedy += f"; {keys}.anonymous reads public buckets"
    elif code in _EXPIRED:
        why, remedy = f"the credentials have expired ({code})", "renew them there"
    elif code in _UNKNOWN:
        why, remedy = f"the store does not know the credentials ({code})", "set valid ones there"
    elif code == "SignatureDoesNotMatch":
        why, remedy = f"the secret key is not the access key's ({code})", "set both anew there"
    elif code == "RequestTimeTooSkewed":
        why, remedy = f"the machine's clock is wrong ({code})", "set it"
    elif isinstance(error, PermissionError):
        why = f"access denied ({code or error})"
        remedy = f"grant them {GRANTS[request.verb]}, or give others by {keys}.profile"
        if request.storage.anonymous:
            remedy = f"give some, without {keys}.anonymous"
    else:
        return error
    said = f"{why}: {request}, from {socket.gethostname()} with {_whose(request)}: {remedy}"
    denied = Denied(said)
    denied.__cause__ = error
    return denied


def _code(error: Exception, request: Request) -> str:
    """The store's word for why; where its answer had none, a listing is asked, which has one."""
    code, _ = answer_of(error)
    if code not in _BARE:
        return code
    try:
        fs = open_filesystem(request.uri, request.storage)
        bucket, key, _ = fs.split_path(request.uri)
        fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=key, MaxKeys=1)
    except Exception as asked:  # noqa: BLE001 - it was only to learn more
        found, _ = answer_of(asked)
        return found or code
    return code


def _whose(request: Request) -> str:
    storage, keys = request.storage, f"{request.side}.storage"
    if storage.anonymous:
        return f"no credentials ({keys}.anonymous)"
    if storage.profile:
        return f"the credentials of {keys}.profile {storage.profile}"
    if storage.environment_prefix:
        return f"the credentials in {storage.environment_prefix}AWS_... ({keys})"
    return f"the credentials found there for {keys}"
