"""The table of stores has every address that the configuration takes."""

from rm_ray.config import ONLY_READ, WRITTEN
from rm_ray.store.stores import STORES


def test_every_address_has_its_store():
    protocols = [protocol for store in STORES for protocol in store.protocols]
    assert sorted(protocols) == sorted(WRITTEN | ONLY_READ)
