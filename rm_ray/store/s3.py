"""Opens S3 with s3fs and the configured credentials. Each request is tried once.

Layers that retry multiply: botocore's five tries, in each of s3fs's five, in each of ours, were 75
connections for one read. Now only rm_ray's own layer (retry) retries.
"""

import os
import socket
from typing import Any

import fsspec

from rm_ray.config import StorageConfig
from rm_ray.store.denied import Denied


def open_s3(storage: StorageConfig) -> Any:
    """Open the filesystem.

    Raises:
        Denied: the environment has no credentials under the configured prefix.
    """
    client = {"endpoint_url": storage.endpoint_url, "region_name": storage.region}
    seconds = storage.timeout_s
    fs = fsspec.filesystem(
        "s3",
        use_listings_cache=False,
        anon=storage.anonymous,
        client_kwargs={key: value for key, value in client.items() if value},
        config_kwargs={
            "connect_timeout": seconds,
            "read_timeout": seconds,
            "retries": {"total_max_attempts": 1, "mode": "standard"},
        },
        **credentials_of(storage),
    )
    fs.retries = 1
    return fs


def credentials_of(storage: StorageConfig) -> dict[str, str]:
    """Return the credentials as s3fs expects them, read from the environment each time.

    Kept in an object's fields, they would reach files and other machines.
    """
    if storage.profile:
        return {"profile": storage.profile}
    if not storage.environment_prefix:
        return {}
    names = {
        "key": f"{storage.environment_prefix}AWS_ACCESS_KEY_ID",
        "secret": f"{storage.environment_prefix}AWS_SECRET_ACCESS_KEY",
        "token": f"{storage.environment_prefix}AWS_SESSION_TOKEN",
    }
    credentials = {key: value for key, name in names.items() if (value := os.environ.get(name))}
    if missing := [names[key] for key in ("key", "secret") if key not in credentials]:
        raise Denied(
            f"no credentials: the environment on {socket.gethostname()} has no "
            f"{' and no '.join(missing)} (storage.environment_prefix); set them there"
        )
    return credentials
