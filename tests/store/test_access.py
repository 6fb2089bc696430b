"""What a store denies is said in one sentence: to what, from where, as whom, and what to do."""

import socket

import pytest

from rm_ray.config import InputConfig, OutputConfig, StorageConfig
from rm_ray.corpus.files import list_files
from rm_ray.corpus.footers import _read_footer
from rm_ray.errors import InputError, OutputError, one_line
from rm_ray.run.output.folder import RunFolder
from rm_ray.store.denied import Denied
from rm_ray.store.folder import Folder

HERE = socket.gethostname()
DENIALS = {
    "AccessDenied": ("access denied (AccessDenied)", "grant them s3:"),
    "ExpiredToken": ("the credentials have expired (ExpiredToken)", "renew them there"),
    "InvalidAccessKeyId": ("does not know the credentials (InvalidAccessKeyId)", "set valid ones"),
    "SignatureDoesNotMatch": ("the secret key is not the access key's", "set both anew there"),
    "RequestTimeTooSkewed": ("the machine's clock is wrong", "set it"),
}


def deny(faulty_proxy, code):
    faulty_proxy.denial = f"<Error><Code>{code}</Code><Message>No.</Message></Error>"
    faulty_proxy.refuse_all = True


@pytest.mark.parametrize("code", DENIALS)
def test_reading_says_what_whose_where_and_the_remedy(code, faulty_proxy, s3_bucket):
    """Although what is asked first is a HEAD, whose answer says only "Forbidden"."""
    storage = StorageConfig(endpoint_url=faulty_proxy.url)
    path = f"s3://{s3_bucket}/in/a.parquet"
    folder = Folder(f"s3://{s3_bucket}/in", storage)
    folder.overwrite("a.parquet", b"")
    config = InputConfig(path=path, storage=storage)
    (file,) = list_files(config).files
    deny(faulty_proxy, code)
    with pytest.raises(InputError) as listing:
        list_files(config)
    with pytest.raises(OutputError) as opening:
        RunFolder(OutputConfig(path=folder.uri, storage=storage), "parts").open({})
    footer = _read_footer(file, config, None)
    why, remedy = DENIALS[code]
    for said in (listing.value, footer):
        assert why in str(said) and remedy in str(said)
        assert f"{path} at {faulty_proxy.url}, from {HERE} with the credentials found there" in str(
            said
        )
        assert "input.storage" in str(said)
    assert not footer.bad_file
    assert why in str(opening.value) and "output.storage" in str(opening.value)


def test_writing_says_the_key_and_the_right_that_lacks(faulty_proxy, s3_bucket):
    deny(faulty_proxy, "AccessDenied")
    folder = Folder(f"s3://{s3_bucket}/out", StorageConfig(endpoint_url=faulty_proxy.url))
    with pytest.raises(Denied) as error:
        folder.create("part-1.parquet", b"")
    said = (
        f"access denied (AccessDenied): writing s3://{s3_bucket}/out/part-1.parquet at "
        f"{faulty_proxy.url}, from {HERE} with the credentials found there for output.storage: "
        "grant them s3:PutObject, or give others by output.storage.profile"
    )
    assert str(error.value) == said
    assert one_line(error.value) == f"Denied: {said}"


def test_missing_credentials_are_named(faulty_proxy, s3_bucket, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    words = {
        r"no credentials \(Unable to locate.*set them there, or give input.storage.profile": {},
        r"no credentials \(.*profile \(other\) could not be found": {"profile": "other"},
        rf"the environment on {HERE} has no X_AWS_ACCESS_KEY_ID and no X_AWS_SECRET_ACCESS_KEY": {
            "environment_prefix": "X_"
        },
    }
    for said, keys in words.items():
        config = InputConfig(path=f"s3://{s3_bucket}/in", storage=StorageConfig(
            endpoint_url=faulty_proxy.url, **keys))  # fmt: skip
        with pytest.raises(InputError, match=said):
            list_files(config)


def test_each_side_may_have_its_own_credentials(faulty_proxy, s3_bucket, monkeypatch, tmp_path):
    monkeypatch.setenv("IN_AWS_ACCESS_KEY_ID", "key-of-the-input")
    monkeypatch.setenv("IN_AWS_SECRET_ACCESS_KEY", "hush")
    (tmp_path / "credentials").write_text(
        "[writer]\naws_access_key_id = key-of-the-output\naws_secret_access_key = hush\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    folder = Folder(
        f"s3://{s3_bucket}/own", StorageConfig(endpoint_url=faulty_proxy.url, profile="writer")
    )
    folder.create("a.parquet", b"data")
    assert faulty_proxy.keys == {"key-of-the-output"}
    storage = StorageConfig(endpoint_url=faulty_proxy.url, environment_prefix="IN_")
    inputs = InputConfig(path=f"{folder.uri}/a.parquet", storage=storage)
    assert len(list_files(inputs).files) == 1
    assert faulty_proxy.keys == {"key-of-the-output", "key-of-the-input"}
