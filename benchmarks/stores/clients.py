"""Plain clients of stores that send each request once, to see a store's answer without rm_ray."""

import contextlib
from dataclasses import dataclass
from typing import Any, Protocol

SECONDS = 20


@dataclass(frozen=True)
class Answer:
    """The answer of a store to a write with a condition."""

    said: str
    """The status, or the name of an error."""
    done: bool
    """True if the store accepted the write."""


class Client(Protocol):
    """A Client has the requests that are measured. Names are keys in the bucket."""

    bucket: str

    def make_bucket(self) -> None:
        """Make the bucket, unless it exists."""

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""

    def put_new(self, key: str, data: bytes) -> Answer:
        """Write an object, on the condition that no object has the name."""

    def get(self, key: str) -> bytes:
        """Read an object."""

    def remove(self, key: str) -> None:
        """Remove one object."""

    def remove_all(self, keys: list[str]) -> None:
        """Remove objects with one request, if the protocol has one."""

    def below(self, folder: str) -> set[str]:
        """Return the names of objects and folders directly in a folder; folders end with a
        slash.
        """

    def facts(self, key: str) -> dict[str, str]:
        """Return the properties of an object in a listing, besides name and size."""


class S3:
    """A client of S3, with multipart uploads."""

    def __init__(self, bucket: str) -> None:
        import boto3
        from botocore.config import Config

        self.bucket = bucket
        self._s3 = boto3.client(
            "s3",
            config=Config(
                connect_timeout=SECONDS, read_timeout=SECONDS, max_pool_connections=16,
                retries={"total_max_attempts": 1}, s3={"addressing_style": "path"},
            ),
        )  # fmt: skip

    def make_bucket(self) -> None:
        # juicefs has its bucket from the start; Swift lists no bucket before the first one is made
        with contextlib.suppress(
            self._s3.exceptions.BucketAlreadyExists, self._s3.exceptions.BucketAlreadyOwnedByYou
        ):
            self._s3.create_bucket(Bucket=self.bucket)

    def put(self, key: str, data: bytes) -> None:
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=data)

    def put_new(self, key: str, data: bytes) -> Answer:
        return self._answer(
            self._s3.put_object, Bucket=self.bucket, Key=key, Body=data, IfNoneMatch="*"
        )

    def get(self, key: str) -> bytes:
        return bytes(self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def remove(self, key: str) -> None:
        self._s3.delete_object(Bucket=self.bucket, Key=key)

    def remove_all(self, keys: list[str]) -> None:
        asked = {"Objects": [{"Key": key} for key in keys]}
        said = self._s3.delete_objects(Bucket=self.bucket, Delete=asked)
        if errors := said.get("Errors"):
            raise RuntimeError(f"{len(errors)} errors, first {errors[0].get('Code')}")

    def below(self, folder: str) -> set[str]:
        said = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=f"{folder}/", Delimiter="/")
        names = [one["Key"] for one in said.get("Contents", [])]
        names += [one["Prefix"] for one in said.get("CommonPrefixes", [])]
        return {name.removeprefix(f"{folder}/") for name in names}

    def facts(self, key: str) -> dict[str, str]:
        said = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=key).get("Contents", [])
        (one,) = [one for one in said if one["Key"] == key]
        return {name: str(one[name]) for name in ("ETag", "LastModified") if one.get(name)}

    def begin(self, key: str, data: bytes) -> dict[str, Any]:
        """Begin an upload and send its only part. Returns the arguments of `complete`."""
        name = {"Bucket": self.bucket, "Key": key}
        upload = self._s3.create_multipart_upload(**name)["UploadId"]
        part = self._s3.upload_part(**name, UploadId=upload, PartNumber=1, Body=data)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        return {**name, "UploadId": upload, "MultipartUpload": parts}

    def complete(self, upload: dict[str, Any]) -> Answer:
        """Complete an upload, on the condition that no object has the name."""
        return self._answer(self._s3.complete_multipart_upload, **upload, IfNoneMatch="*")

    @staticmethod
    def _answer(request: Any, **arguments: Any) -> Answer:
        from botocore.exceptions import ClientError, ConnectionClosedError

        try:
            said = request(**arguments)
        except ClientError as error:
            said = error.response
            status = said["ResponseMetadata"].get("HTTPStatusCode", said["Error"].get("Code"))
            return Answer(str(status), done=False)
        except ConnectionClosedError:
            return Answer("connection closed", done=False)
        return Answer(str(said["ResponseMetadata"]["HTTPStatusCode"]), done=True)


class Fsspec:
    """A client of gs:// with gcsfs, and of az:// with adlfs."""

    def __init__(self, protocol: str, bucket: str) -> None:
        import fsspec

        more = {"token": "anon", "project": "rm-ray"} if protocol == "gs" else {}
        self.bucket = bucket
        self._fs = fsspec.filesystem(protocol, use_listings_cache=False, **more)

    def make_bucket(self) -> None:
        if not self._fs.exists(self.bucket):
            self._fs.mkdir(self.bucket)

    def put(self, key: str, data: bytes) -> None:
        self._fs.pipe_file(f"{self.bucket}/{key}", data)

    def put_new(self, key: str, data: bytes) -> Answer:
        try:
            self._fs.pipe_file(f"{self.bucket}/{key}", data, mode="create")
        except FileExistsError as error:
            return Answer(type(error).__name__, done=False)
        except Exception as error:  # noqa: BLE001 - the clients raise errors of many kinds
            status = getattr(error, "code", None) or getattr(error, "status_code", None)
            return Answer(str(status or type(error).__name__), done=False)
        return Answer("accepted", done=True)

    def get(self, key: str) -> bytes:
        return bytes(self._fs.cat_file(f"{self.bucket}/{key}"))

    def remove(self, key: str) -> None:
        self._fs.rm_file(f"{self.bucket}/{key}")

    def remove_all(self, keys: list[str]) -> None:
        self._fs.rm([f"{self.bucket}/{key}" for key in keys])

    def below(self, folder: str) -> set[str]:
        try:
            found = self._fs.ls(f"{self.bucket}/{folder}", detail=True)
        except FileNotFoundError:
            return set()
        above = f"{self.bucket}/{folder}/"
        names = [one["name"].rstrip("/") for one in found if one["type"] == "file"]
        names += [f"{one['name'].rstrip('/')}/" for one in found if one["type"] == "directory"]
        return {"" if above in (name, f"{name}/") else name.removeprefix(above) for name in names}

    def facts(self, key: str) -> dict[str, str]:
        folder, _, name = key.rpartition("/")
        (one,) = [
            one
            for one in self._fs.ls(f"{self.bucket}/{folder}", detail=True)
            if one["name"].endswith(f"/{name}")
        ]
        names = ("etag", "generation", "md5Hash", "updated", "last_modified", "creation_time")
        return {name: str(one[name]) for name in names if one.get(name)}


def client_of(protocol: str, bucket: str) -> S3 | Fsspec:
    return S3(bucket) if protocol == "s3" else Fsspec(protocol, bucket)
