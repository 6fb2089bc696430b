"""YAML as configurations are written in it: what can be read in two ways is refused.

PyYAML reads YAML 1.1, where `no` is false, `010` is 8 and `1:30` is 90. Of two keys of one name it
takes the last. Here the words are those of YAML 1.2's core schema, numbers are decimal, and each
key is there once (YAML 1.2.2, sections 10.3 and 3.2.1.1).
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
    # octal, binary, hexadecimal and sexagesimal numbers of YAML 1.1, some of them others in 1.2
    "unclear": r"[-+]?(?:0[0-9_]+(?:\.[0-9]*)?|0[box][0-9a-fA-F_]+"
    r"|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)",
}


class _Loader(yaml.SafeLoader):
    """Reads one document; see the module."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as PyYAML declares it

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys are unique."""
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
        """Refuse a number that readers of YAML take for different ones."""
        said = f"{node.value} is no decimal number; put it into quotes if it is text"
        raise yaml.constructor.ConstructorError(None, None, said, node.start_mark)


for _tag, _pattern in _WORDS.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}" if _tag != "unclear" else "!unclear",
        re.compile(f"(?:{_pattern})\\Z"),
        None,
    )
_Loader.add_constructor("!unclear", _Loader.construct_unclear)


def read_yaml(text: str) -> Any:
    """What a YAML document says.

    Raises:
        YAMLError: it is not valid, has a key twice, or a number that is not decimal.
    """
    return yaml.load(text, _Loader)
