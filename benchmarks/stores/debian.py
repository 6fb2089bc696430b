"""Stores of Debian's packages. Each has several daemons, configured here to find one another.

benchmarks.stores says how to install them.
"""

import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.stores.install import NotHere, run
from benchmarks.stores.started import Place, free_port, s3_environment

HOST = "127.0.0.1"
SWIFT_SERVICES = ("account", "container", "object")
SWIFT_SERVER = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
mount_check = false
devices = {folder}/devices
swift_dir = {folder}
recon_cache_path = {folder}
user = root
[pipeline:main]
pipeline = {service}-server
[app:{service}-server]
use = egg:swift#{service}
"""
# The pipeline that Swift's own documentation gives, with s3api.
SWIFT_PIPELINE = (
    "catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk s3api tempauth "
    "copy slo dlo versioned_writes proxy-logging"
)
SWIFT_PROXY = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {folder}
user = root
[pipeline:main]
pipeline = {pipeline} proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{cache}
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
"""
CEPH = """\
[global]
fsid = 11111111-2222-4333-8444-555555555555
mon_initial_members = a
mon_host = [v1:127.0.0.1:{v1}/0]
ms_bind_msgr2 = false
public_network = 127.0.0.0/8
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
osd_objectstore = memstore
osd_class_update_on_start = false
osd_crush_update_on_start = false
memstore_device_bytes = 1073741824
run_dir = {folder}
log_file = {folder}/$name.out
admin_socket = {folder}/$name.asok
pid_file =
[mon]
mon_data = {folder}/mon
[osd]
osd_data = {folder}/osd
osd_journal = {folder}/osd/journal
[client.rgw]
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{port}
rgw_enable_usage_log = false
"""


def swift(place: Place) -> Mapping[str, str]:
    """Start one server of each kind, memcached, and the proxy that speaks S3."""
    (place.folder / "devices" / "one").mkdir(parents=True)
    for service in SWIFT_SERVICES:
        port, builder = free_port(), str(place.folder / f"{service}.builder")
        run(["swift-ring-builder", builder, "create", "8", "1", "0"])
        run(["swift-ring-builder", builder, "add", f"r1z1-{HOST}:{port}/one", "1"])
        run(["swift-ring-builder", builder, "rebalance"])
        config = place.folder / f"{service}.conf"
        config.write_text(SWIFT_SERVER.format(service=service, port=port, folder=place.folder))
        place.start([f"/usr/bin/swift-{service}-server", config])
        place.wait(port)
    cache = free_port()
    place.start(["/usr/bin/memcached", "-u", "root", "-l", HOST, "-p", str(cache)])
    place.wait(cache)
    config = place.folder / "proxy.conf"
    text = SWIFT_PROXY.format(
        port=place.port, cache=cache, folder=place.folder, pipeline=SWIFT_PIPELINE
    )
    for name in dict.fromkeys(SWIFT_PIPELINE.split()):
        if f"[filter:{name}]" not in text:
            text += f"[filter:{name}]\nuse = egg:swift#{name.replace('-', '_')}\n"
    config.write_text(text)
    place.start(["/usr/bin/swift-proxy-server", config])
    return s3_environment(place.port, "test:tester")


def ceph(place: Place) -> Mapping[str, str]:
    """Start a monitor, an OSD that keeps everything in memory, and the gateway that speaks S3."""
    config = place.folder / "ceph.conf"
    port = free_port()
    config.write_text(CEPH.format(v1=port, port=place.port, folder=place.folder))
    for name in ("mon", "osd", "rgw"):
        (place.folder / name).mkdir()
    shared: list[str | Path] = ["-c", config]
    addresses = f"[v1:{HOST}:{port}/0]"
    monitors = place.folder / "monmap"
    run(["monmaptool", "--create", "--fsid", "11111111-2222-4333-8444-555555555555", "--addv", "a",
         addresses, monitors])  # fmt: skip
    run(["ceph-mon", *shared, "--mkfs", "-i", "a", "--monmap", monitors])
    place.start(["/usr/bin/ceph-mon", *shared, "-f", "-i", "a"])
    place.wait(port)
    _ask_ceph(shared, "osd", "new", "22222222-2222-4333-8444-555555555555")
    run(["ceph-osd", *shared, "-i", "0", "--mkfs", "--osd-uuid",
         "22222222-2222-4333-8444-555555555555"])  # fmt: skip
    _ask_ceph(shared, "osd", "crush", "add", "osd.0", "1", "root=default")
    place.start(["/usr/bin/ceph-osd", *shared, "-f", "-i", "0"])
    run(["radosgw-admin", *shared, "user", "create", "--uid", "one", "--display-name", "one",
         "--access-key", "testing", "--secret", "testing"])  # fmt: skip
    place.start(["/usr/bin/radosgw", *shared, "-f", "-n", "client.rgw"])
    return s3_environment(place.port)


def _ask_ceph(shared: list[str | Path], *words: str) -> None:
    """Send a command to the monitor; try again, because the monitor may not answer at once."""
    for left in reversed(range(5)):
        try:
            run(["ceph", *shared, "--connect-timeout", "20", *words])
            return
        except NotHere:
            if not left:
                raise
            time.sleep(1)
