"""Tell deltalake and Lance how to reach S3: they do not read through the stores of rm_ray."""

import os
from typing import Any

from rm_ray.config import StorageConfig
from rm_ray.errors import InputError
from rm_ray.store.s3 import credentials_of


def s3_options(address: str, storage: StorageConfig) -> dict[str, str]:
    """Return the storage options of deltalake and of Lance for a table; none outside S3.

    They hold credentials where the configuration names a profile or a prefix, and must not be kept
    or logged. Other credentials are found by deltalake and Lance themselves, in the
    environment.

    Raises:
        InputError: the profile has no credentials.
        Denied: the environment has no credentials under the configured prefix.
    """
    if not address.startswith(("s3://", "s3a://")):
        return {}
    endpoint = storage.endpoint_url or _environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    options = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": storage.region or _environment("AWS_REGION", "AWS_DEFAULT_REGION"),
        "AWS_ALLOW_HTTP": "true" if endpoint and endpoint.startswith("http://") else None,
        "AWS_SKIP_SIGNATURE": "true" if storage.anonymous else None,
        "timeout": f"{storage.timeout_s:g}s",
        **_credentials(storage),
    }
    return {key: value for key, value in options.items() if value}


def _credentials(storage: StorageConfig) -> dict[str, str | None]:
    found = credentials_of(storage)
    if "profile" in found:
        found = _of_profile(found["profile"])
    return {
        "AWS_ACCESS_KEY_ID": found.get("key"),
        "AWS_SECRET_ACCESS_KEY": found.get("secret"),
        "AWS_SESSION_TOKEN": found.get("token"),
    }


def _of_profile(profile: str) -> dict[str, Any]:
    from botocore.session import Session

    credentials = Session(profile=profile).get_credentials()
    if credentials is None:
        raise InputError(f"input.storage.profile: {profile} has no credentials on this machine")
    frozen = credentials.get_frozen_credentials()
    return {"key": frozen.access_key, "secret": frozen.secret_key, "token": frozen.token}


def _environment(*names: str) -> str | None:
    return next(filter(None, map(os.environ.get, names)), None)
