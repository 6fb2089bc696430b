"""The fingerprints of conversions: every setting that an output file depends on, and no other."""

from typing import Any

from rm_ray.addresses import lance_of
from rm_ray.convert.config import ConvertConfig, LinesOutputConfig
from rm_ray.store.folder import absolute

# The rules by which values become columns; another number means other files.
RULES = 1


def fingerprint(config: ConvertConfig) -> dict[str, Any]:
    """Return the settings that the files of JSON Lines depend on, key by key."""
    output = config.output
    names = ("source_file", "line", "extra", "file_mb", "row_group_mb", "codec")
    return {
        "rules": RULES,
        "input.max_line_mb": config.input.max_line_mb,
        "types.conflicts": config.types.conflicts,
        "types.extra": config.types.extra,
        **{f"output.{name}": getattr(output, name) for name in names},
    }


def lance_fingerprint(config: ConvertConfig) -> dict[str, Any]:
    """Return the settings that the files of a Lance dataset depend on, key by key."""
    return {
        "rules": RULES,
        "input.path": absolute(lance_of(config.input.paths[0]) or ""),
        **{f"output.{name}": value for name, value in lance_output(config.output).items()},
    }


def lance_output(output: LinesOutputConfig) -> dict[str, Any]:
    """Return the settings of the output that count for a Lance dataset."""
    names = ("source_file", "row_address", "file_mb", "row_group_mb", "codec")
    return {name: getattr(output, name) for name in names}
