"""Opens Google Cloud Storage with gcsfs. Each request is tried once, and each file is one request.

gcsfs by itself asks for a bucket's kind by another protocol (gRPC) first, tries each request six
times, and silently goes on without credentials if it finds none.
"""

import json
import os
import socket
import uuid
from typing import Any

from aiohttp import ClientTimeout
from gcsfs.core import GCSFileSystem, quote
from gcsfs.retry import HttpError
from google.auth.exceptions import DefaultCredentialsError

from rm_ray.config import StorageConfig
from rm_ray.errors import first_line
from rm_ray.store.denied import Denied

# gcsfs's request without its decorator, which retries.
_request_once = GCSFileSystem._request.__wrapped__


def open_gcs(storage: StorageConfig) -> Any:
    """Open the filesystem.

    Raises:
        Denied: this machine has no credentials.
    """
    emulated = os.environ.get("STORAGE_EMULATOR_HOST")
    seconds = storage.timeout_s
    try:
        return OneTryGcs(
            token="anon" if storage.anonymous or emulated else "google_default",
            endpoint_url=storage.endpoint_url,
            requests_timeout=ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds),
            use_listings_cache=False,
        )
    except DefaultCredentialsError as error:
        raise Denied(
            f"no credentials on {socket.gethostname()} ({first_line(error)}); set "
            "GOOGLE_APPLICATION_CREDENTIALS there, or run there: gcloud auth application-default "
            "login; storage.anonymous reads public buckets"
        ) from error


class OneTryGcs(GCSFileSystem):  # type: ignore[misc]
    """OneTryGcs is gcsfs without retries, and writes each file by one request."""

    async def _request(self, *asked: Any, **options: Any) -> Any:
        try:
            return await _request_once(self, *asked, **options)
        except ValueError as error:
            raise HttpError({"code": 400, "message": str(error)}) from error
        except OSError as error:
            if type(error) is OSError and str(error).startswith("Forbidden"):
                raise PermissionError(str(error)) from error
            raise

    async def _pipe_file(self, path: str, data: bytes, mode: str = "overwrite") -> None:
        """Write a file whole.

        gcsfs ends every file's data with the same line. If the data has this line too, gcsfs loses
        the rest of the data. This method ends the data with a random line that no file has.
        """
        bucket, key, _ = self.split_path(path)
        line = uuid.uuid4().hex
        head = (
            f"--{line}\r\nContent-Type: application/json\r\n\r\n{json.dumps({'name': key})}\r\n"
            f"--{line}\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        await self._call(
            "POST",
            f"{self._location}/upload/storage/v1/b/{quote(bucket)}/o",
            uploadType="multipart",
            headers={"Content-Type": f"multipart/related; boundary={line}"},
            data=b"".join([head.encode(), data, f"\r\n--{line}--".encode()]),
            **({"ifGenerationMatch": "0"} if mode == "create" else {}),
        )
