"""Tables in a store: deltalake and pyiceberg reach it as the configuration says."""

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from rm_ray.config import InputConfig, StorageConfig
from rm_ray.corpus.files import list_files
from rm_ray.corpus.tables.access import s3_options
from rm_ray.errors import InputError
from rm_ray.store.filesystem import open_filesystem
from tests.corpus.tables import made_delta, made_iceberg

ROWS = pa.table({"id": range(10), "text": [f"t{n}" for n in range(10)]})
PREFIX = "TABLES_"


def test_both_kinds_are_read_from_s3(s3_bucket, s3_endpoint, tmp_path, monkeypatch):
    root = tmp_path / "delta"
    write_deltalake(root, ROWS, configuration={"delta.enableDeletionVectors": "true"})
    made_delta.delete(root, 0, [4], inline=False)
    place = f"s3://{s3_bucket}/tables"
    open_filesystem(place, StorageConfig()).put(f"{root}/", f"{place}/delta/", recursive=True)
    keys = {"s3.endpoint": s3_endpoint, "s3.region": "us-east-1"}
    keys |= {"s3.access-key-id": "testing", "s3.secret-access-key": "testing"}
    tables = made_iceberg.FolderCatalog("store", warehouse=str(tmp_path), **keys)
    table = tables.create_table("n.t", ROWS.schema, f"{place}/ice", properties=keys)
    table.append(ROWS)

    # nothing but the configuration says where the store is, and which credentials it takes
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"{PREFIX}{name}", "testing")
        monkeypatch.delenv(name)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    storage = StorageConfig(endpoint_url=s3_endpoint, region="us-east-1", environment_prefix=PREFIX)
    corpus = list_files(InputConfig(path=f"delta:{place}/delta", storage=storage))
    (file,) = corpus.files
    assert file.path.startswith(f"{place}/delta/")
    assert corpus.snapshot.deleted[file.path].tolist() == [4]
    assert file.version
    corpus = list_files(InputConfig(path=f"iceberg:{place}/ice", storage=storage))
    assert [file.path.rpartition("/")[0] for file in corpus.files] == [f"{place}/ice/data"]
    with pytest.raises(InputError, match="cannot be opened as a Delta table"):
        list_files(InputConfig(path=f"delta:{place}/nothing", storage=storage))


def test_options_say_what_the_configuration_says(monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert s3_options("/a/folder", StorageConfig(anonymous=True)) == {}
    assert s3_options("s3://b/t", StorageConfig()) == {"timeout": "30s"}
    asked = StorageConfig(endpoint_url="http://here", region="eu", anonymous=True, timeout_s=5)
    assert s3_options("s3a://b/t", asked) == {
        "AWS_ENDPOINT_URL": "http://here",
        "AWS_REGION": "eu",
        "AWS_ALLOW_HTTP": "true",
        "AWS_SKIP_SIGNATURE": "true",
        "timeout": "5s",
    }
