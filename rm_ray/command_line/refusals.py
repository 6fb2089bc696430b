"""Says in a sentence that a key is unknown, or a value is wrong."""

import difflib
from collections.abc import Collection

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from rm_ray.command_line.keys import is_section
from rm_ray.errors import ConfigError, redacted

# What pydantic says with a pattern, or a word of Python, by the type of its error.
PLAIN = {
    "string_pattern_mismatch": "this is not written as it has to be; --help {key} says how",
    "dict_type": 'values by name are needed, such as "{{name: 1}}"; --help {key} says which',
}


def refuse_unknown(
    keys: Collection[str], fields: dict[str, FieldInfo], where: str, prefix: str = ""
) -> None:
    """Refuse unknown keys.

    Args:
        keys: the keys to check.
        fields: the known keys.
        where: stands after the key in the message.
        prefix: stands before the key in the message.

    Raises:
        ConfigError: for the first unknown key.
    """
    for key in keys:
        if key in fields:
            continue
        if is_section(key, fields):
            raise ConfigError(f"{prefix}{key}{where} is a section; give its keys, not one value")
        near = nearest(key, fields)
        hint = f"did you mean {prefix}{near}?" if near else "--help all lists the keys"
        raise ConfigError(f"unknown key {prefix}{key}{where}; {hint}")


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that is most like a mistyped name; None if no name is like it."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    near = near or [key for key in known if key.endswith(f".{name}")]
    return near[0] if near else None


def sentence(error: ValidationError, fields: dict[str, FieldInfo]) -> str:
    """Say in one sentence, by keys, that values of a configuration are wrong."""
    parts: list[str] = []
    for item in error.errors(include_url=False):
        # a union names its failed branch after the key; the user typed only the key
        key = ".".join(str(part) for part in item["loc"] if "[" not in str(part) and part != "str")
        plain = PLAIN.get(item["type"], "").format(key=key)
        message = plain or item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing":
            inside = (name for name in fields if name.startswith(f"{key}."))
            required = [name for name in inside if fields[name].is_required()]
            parts += [f"--{name} is required" for name in required or [key]]
        else:
            given = f" (given: {item['input']!r})" if not isinstance(item["input"], dict) else ""
            parts.append(f"{key}: {message}{given}" if key else message)
    return redacted("; ".join(dict.fromkeys(parts)))
