"""A second process that lists a folder at its start, and again for each line of its input.

    python -m benchmarks.stores.second URI

Each time it prints one line of JSON with the names that it sees, by way of listing. `plain` is an
fsspec filesystem without a cache of listings. `defaults` is one with fsspec's defaults, so it keeps
earlier listings. `rm_ray` is rm_ray's own folder.
"""

import json
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

import fsspec

from rm_ray.store.folder import Folder


def main(uri: str) -> None:
    protocol = uri.partition("://")[0]
    more = {"token": "anon", "project": "rm-ray"} if protocol == "gs" else {}
    plain = fsspec.filesystem(protocol, use_listings_cache=False, **more)
    defaults = fsspec.filesystem(protocol, **more)
    ways: dict[str, Callable[[], list[str]]] = {
        "plain": lambda: names(plain, uri),
        "defaults": lambda: names(defaults, uri),
        "rm_ray": lambda: Folder(uri).names(),
    }
    for _ in chain(["at the start"], iter(sys.stdin.readline, "")):
        print(json.dumps({name: list_it() for name, list_it in ways.items()}), flush=True)


def names(fs: Any, uri: str) -> list[str]:
    return [PurePosixPath(name).name for name in fs.ls(fs._strip_protocol(uri), detail=False)]


if __name__ == "__main__":
    main(sys.argv[1])
