"""Reads the YAML of configurations, and refuses text that can be read in two ways.

PyYAML reads YAML 1.1: `no` is false, `010` is 8 and `1:30` is 90. If a key stands twice, the last
one counts. This module takes the words of YAML 1.2's core schema, reads only decimal numbers, and
refuses a key that stands twice (YAML 1.2.2, sections 10.3 and 3.2.1.1).
"""

import re
from typing import Any

import yaml

_WORDS = {
    "bool": r"true|True|TRUE|false|False|FALSE",
    "null": r"~|null|Null|NULL|",
    "int": r"[-+]?(?:0|[1-9][0-9_]*)",
    "float": r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9_]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "merge": r"<<",
    # octal, binary, hexadecimal and sexagesimal numbers of YAML 1.1; some differ in YAML 1.2
    "unclear": r"[-+]?(?:0[0-9_]+(?:\.[0-9]*)?|0[box][0-9a-fA-F_]+"
    r"|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)",
}


class _Loader(yaml.SafeLoader):
    """Reads one document by the rules of this module."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as PyYAML declares it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping, and refuse a key that stands twice."""
        seen: dict[Any, yaml.Node] = {}
        for key, _ in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else None
            if name is not None and name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {name!r} is there twice", key.start_mark
                )
            seen[name] = key
        return super().construct_mapping(node, deep)

    def construct_unclear(self, node: yaml.ScalarNode) -> Any:
        """Refuse a number that different YAML readers read as different numbers."""
        message = f"{node.value} is no decimal number; put it into quotes if it is text"
        raise yaml.constructor.ConstructorError(None, None, message, node.start_mark)


for _tag, _pattern in _WORDS.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}" if _tag != "unclear" else "!unclear",
        re.compile(f"(?:{_pattern})\\Z"),
        None,
    )
_Loader.add_constructor("!unclear", _Loader.construct_unclear)


def read_yaml(text: str) -> Any:
    """Return the content of a YAML document.

    Raises:
        YAMLError: the text is not valid, or has a key twice or a number that is not decimal.
    """
    return yaml.load(text, _Loader)
