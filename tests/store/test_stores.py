"""The table of stores has every address that the configuration takes."""

from datetime import UTC, datetime

from rm_ray.addresses import ONLY_READ, WRITTEN
from rm_ray.store.stores import STORES, store_of


def test_every_address_has_its_store():
    protocols = [protocol for store in STORES for protocol in store.protocols]
    assert sorted(protocols) == sorted(WRITTEN | ONLY_READ)


def test_a_time_is_the_same_version_in_a_listing_and_elsewhere():
    """juicefs gives no ETag, and a time to the millisecond only where it lists."""
    listed = {"ETag": "", "LastModified": datetime(2026, 11, 29, 1, 2, 3, 456000, UTC)}
    asked = {"ETag": "", "LastModified": datetime(2026, 11, 29, 1, 2, 3, tzinfo=UTC)}
    later = {"ETag": "", "LastModified": datetime(2026, 11, 29, 1, 2, 4, tzinfo=UTC)}
    s3 = store_of("s3://bucket")
    assert s3.version_of(listed) == s3.version_of(asked) != s3.version_of(later)
    assert s3.version_of(listed | {"ETag": '"abc"'}) == "abc"
