"""Command line of every job: one YAML file, then any key of it as a dotted option.

    python jobs/NAME.py --config FILE.yaml --section.key VALUE ... [--dry-run]

Knows the shape of a configuration, not its meaning.
"""

import contextlib
import difflib
import logging
import os
import signal
import sys
import types
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from rm_ray.command_line.keys import (
    alternative_keys,
    assign,
    dotted_fields,
    is_section,
    kinds_of_keys,
    leaf_keys,
    overlay,
    switches,
    value_at,
    without_named,
)
from rm_ray.command_line.yaml_text import read_yaml
from rm_ray.errors import ConfigError, RmRayError, redacted, same_command, way_on

log = logging.getLogger(__name__)

Config = TypeVar("Config", bound=BaseModel)


@dataclass(frozen=True)
class Arguments:
    """What stood on the command line, not yet checked."""

    config_file: str | None
    overrides: dict[str, str]
    dry_run: bool
    help: bool


def parse_arguments(argv: Sequence[str], switches: Collection[str] = ()) -> Arguments:
    """Split `--key value` and `--key=value`; `--dry-run` and `--help` take no value.

    `switches`: keys that are true or false; alone, they mean true.

    Raises:
        ConfigError: a word that is no option, or an option without its value.
    """
    flags = {"--dry-run": False, "--help": False}
    values: dict[str, str] = {}
    words = list(argv)
    while words:
        word = words.pop(0)
        if word in ("-h", *flags):
            flags["--help" if word == "-h" else word] = True
            continue
        if not word.startswith("--") or word == "--":
            raise ConfigError(f"'{word}' is not an option; options look like --input.path VALUE")
        key, equals, value = word[2:].partition("=")
        if not equals and key in switches and (not words or words[0].startswith("--")):
            value = "true"
        elif not equals:
            if not words:
                raise ConfigError(f"--{key} needs a value")
            value = words.pop(0)
        if key in values:
            raise ConfigError(f"--{key} is given twice")
        values[key] = value
    return Arguments(values.pop("config", None), values, flags["--dry-run"], flags["--help"])


def load_config(schema: type[Config], arguments: Arguments) -> Config:
    """The YAML file, sections of other files (`--SECTION FILE`) in place of its own, overridden by
    the options, checked against `schema`.

    A section's file may hold keys of other sections too, under those sections' names; alternatives
    that the configuration has named already stay.

    Raises:
        ConfigError: the file cannot be read; a key is unknown (the nearest known one is named);
            a value has the wrong type or a combination makes no sense.
    """
    fields = dict(dotted_fields(schema))
    tree = _read_yaml(arguments.config_file) if arguments.config_file else {}
    _refuse_unknown(leaf_keys(tree, fields), fields, where=f" in {arguments.config_file}")
    options = dict(arguments.overrides)
    alternatives = list(alternative_keys(schema))
    for name in sorted(name for name in options if is_section(name, fields)):
        file = options.pop(name)
        section, others = _read_section(name, file, fields)
        _refuse_unknown(leaf_keys(section, fields, f"{name}."), fields, where=f" in {file}")
        _refuse_unknown(leaf_keys(others, fields), fields, where=f" in {file}")
        assign(tree, name, section)
        given = {key: value_at(others, key) for key in leaf_keys(others, fields)}
        overlay(tree, without_named(given, tree, alternatives), alternatives)
    _refuse_unknown(options, fields, where="", prefix="--")
    given = {key: _parse_value(key, text, fields[key].annotation) for key, text in options.items()}
    overlay(tree, given, alternatives)
    try:
        return schema.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_sentence(error, fields)) from None


def help_text(schema: type[BaseModel], usage: str) -> str:
    """Usage, then every key with its type, default and meaning, grouped by section."""
    kinds = kinds_of_keys(schema)
    sections: dict[str, list[str]] = {}
    for key, field in dotted_fields(schema):
        section, of = key.rpartition(".")[0], kinds.get(key, [])
        lines = sections.setdefault(f"{section} ({', '.join(of)}):" if of else f"{section}:", [])
        default = "required" if field.is_required() else f"default {_default(field)}"
        lines.append(f"  --{key}  {_type_name(field.annotation)}, {default}")
        lines.append(f"      {field.description}")
    keys = {"the job:" if heading == ":" else heading: lines for heading, lines in sections.items()}
    pages = [line for heading, lines in keys.items() for line in (heading, *lines)]
    return "\n".join([usage.rstrip(), "", *pages])


def _read_yaml(path: str) -> dict[str, Any]:
    try:
        tree = read_yaml(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split()).replace('in "<unicode string>", ', "")
        raise ConfigError(f"{path} is not valid YAML: {said}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} must hold sections (input:, ...) or keys, not a bare value")
    return tree


def _read_section(
    name: str, path: str, fields: dict[str, FieldInfo]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A section's keys from a file of their own, and the other sections that the file has."""
    if not path.endswith((".yaml", ".yml")):
        raise ConfigError(
            f"--{name} is a section: give a YAML file of its keys, or its keys as --{name}.KEY"
        )
    tree = _read_yaml(path)
    own = {key for key in tree if f"{name}.{key}" in fields or not is_section(key, fields)}
    section = {
        key: value
        for key, value in tree.items()
        if key in own or is_section(f"{name}.{key}", fields)
    }
    return section, {key: value for key, value in tree.items() if key not in section}


def _refuse_unknown(
    keys: Sequence[str] | dict[str, str],
    fields: dict[str, FieldInfo],
    where: str,
    prefix: str = "",
) -> None:
    for key in keys:
        if key in fields:
            continue
        if is_section(key, fields):
            raise ConfigError(f"{prefix}{key}{where} is a section; give its keys, not one value")
        near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
        near = near or [known for known in fields if known.endswith(f".{key}")][:1]
        hint = f"; did you mean {prefix}{near[0]}?" if near else "; --help lists the keys"
        raise ConfigError(f"unknown key {prefix}{key}{where}{hint}")


def _parse_value(key: str, text: str, annotation: Any) -> Any:
    """Text stays text where the key wants text; everything else is read as YAML."""
    kinds = _alternatives(annotation)
    if type(None) in kinds and text.lower() in ("null", "none"):
        return None
    wants_list = any(get_origin(kind) is list for kind in kinds)
    if wants_list and not text.lstrip().startswith("["):
        items = [item.strip() for item in text.split(",")]
        return items[0] if str in kinds and len(items) == 1 else items
    if str in kinds and not wants_list:
        return text
    try:
        return read_yaml(text)
    except yaml.YAMLError as error:
        why = getattr(error, "problem", None) or "it is not valid YAML"
        raise ConfigError(f"--{key}: cannot read the value {text!r}: {why}") from None


def _alternatives(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for part in get_args(annotation) for kind in _alternatives(part)]
    if hasattr(annotation, "__metadata__"):  # Annotated[str, ...]
        return _alternatives(annotation.__origin__)
    return [annotation]


def _sentence(error: ValidationError, fields: dict[str, FieldInfo]) -> str:
    parts: list[str] = []
    for item in error.errors(include_url=False):
        # a union names its failed branch after the key; the key alone is what the user typed
        key = ".".join(str(part) for part in item["loc"] if "[" not in str(part) and part != "str")
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "missing":
            inside = (name for name in fields if name.startswith(f"{key}."))
            required = [name for name in inside if fields[name].is_required()]
            parts += [f"--{name} is required" for name in required or [key]]
        else:
            given = f" (given: {item['input']!r})" if not isinstance(item["input"], dict) else ""
            parts.append(f"{key}: {message}{given}" if key else message)
    return redacted("; ".join(dict.fromkeys(parts)))


def _type_name(annotation: Any) -> str:
    names = []
    for kind in _alternatives(annotation):
        if get_origin(kind) is list:
            names.append('list (a,b or ["a", "b,c"])')
        elif get_origin(kind) is dict:
            names.append(_dict_name(get_args(kind)[1]))
        elif str(get_origin(kind)) == "typing.Literal":
            names.append(" | ".join(get_args(kind)))
        elif kind is not type(None):
            names.append({"str": "text", "bool": "true | false"}.get(kind.__name__, kind.__name__))
    return " | ".join(names)


def _dict_name(value: Any) -> str:
    """Of a value for each group; numbers may be one for all."""
    return "number | {group: number}" if value is Decimal else "{group: text}"


def _default(field: FieldInfo) -> str:
    return _show(field.get_default(call_default_factory=True))


def _show(value: Any) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def show(page: str) -> None:
    """Print it; whoever reads it may want no more of it."""
    try:
        print(page, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(
    argv: Sequence[str],
    schema: type[Config],
    usage: str,
    run: Callable[[Config], None],
    dry_run: Callable[[Config], str],
) -> int:
    """Parse, run, and give the exit status: 0 complete, 1 not complete, 2 refused, 3 complete and
    an alert.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    for noisy in ("ray._private.authentication", "httpx", "matplotlib", "botocore", "aiobotocore"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        arguments = parse_arguments(argv, switches(schema))
        if arguments.help:
            show(help_text(schema, usage))
            return 0
        config = load_config(schema, arguments)
        if arguments.dry_run:
            with contextlib.redirect_stdout(sys.stderr):  # where Ray prints its warnings
                page = dry_run(config)
            show(page)
        else:
            run(config)
    except RmRayError as error:
        log.error("%s", redacted(str(error)))
        return error.exit_status
    except OSError as error:
        said = redacted(str(error))
        log.error("stopped by the store: %s; what is committed stays, %s", said, way_on(error))
        return 1
    except Exception as error:
        log.error("stopped by an error that rm_ray did not expect: %s", error, exc_info=True)
        return 1
    except KeyboardInterrupt:
        log.error("stopped; what is committed stays. To go on: %s", same_command())
        logging.shutdown()
        os._exit(1)  # Ray's threads are still at work: taking them down in order can abort
    return 0
