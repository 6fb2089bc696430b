"""The fingerprint of a conversion: every setting that an output file depends on, and no other."""

from typing import Any

from rm_ray.convert.config import ConvertConfig

# The rules by which values become columns; another number means other files.
RULES = 1


def fingerprint(config: ConvertConfig) -> dict[str, Any]:
    """Return the settings that the files depend on, key by key."""
    output = config.output
    names = ("source_file", "line", "extra", "file_mb", "row_group_mb", "codec")
    return {
        "rules": RULES,
        "input.max_line_mb": config.input.max_line_mb,
        "types.conflicts": config.types.conflicts,
        "types.extra": config.types.extra,
        **{f"output.{name}": getattr(output, name) for name in names},
    }
