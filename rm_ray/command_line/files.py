"""Reads the YAML files of a configuration: a file of all sections, or a file of one section."""

from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from rm_ray.command_line.keys import is_section
from rm_ray.command_line.yaml_text import read_yaml
from rm_ray.errors import ConfigError


def read_tree(path: str) -> dict[str, Any]:
    """Return the sections and keys of a file.

    Raises:
        ConfigError: the file cannot be read, is not valid YAML, or holds no sections or keys.
    """
    try:
        tree = read_yaml(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = " ".join(str(error).split()).replace('in "<unicode string>", ', "")
        raise ConfigError(f"{path} is not valid YAML: {message}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} must hold sections (input:, ...) or keys, not a bare value")
    return tree


def read_section(
    name: str, path: str, fields: dict[str, FieldInfo]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a section's keys from the section's own file, and the file's other sections.

    Raises:
        ConfigError: for the reasons of `read_tree`, or the path is not a YAML file's.
    """
    if not path.endswith((".yaml", ".yml")):
        raise ConfigError(
            f"--{name} is a section: give a YAML file of its keys, or its keys as --{name}.KEY"
        )
    tree = read_tree(path)
    own = {key for key in tree if f"{name}.{key}" in fields or not is_section(key, fields)}
    section = {
        key: value
        for key, value in tree.items()
        if key in own or is_section(f"{name}.{key}", fields)
    }
    return section, {key: value for key, value in tree.items() if key not in section}
