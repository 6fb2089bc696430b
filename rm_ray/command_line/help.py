"""The help of a job: the keys that people type, and the names of the pages with the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rm_ray.command_line.jobs import JOBS
from rm_ray.command_line.keys import dotted_fields, dotted_sections
from rm_ray.command_line.pages import columns, command, wrapped
from rm_ray.command_line.refusals import nearest
from rm_ray.command_line.section_help import (
    JOB,
    find_section,
    key_help,
    keys_of_the_job,
    page_names,
    section_page,
)
from rm_ray.command_line.values import default_name
from rm_ray.config import TYPED
from rm_ray.errors import ConfigError

ALL = "all"


@dataclass(frozen=True)
class Usage:
    """The help of a job says this besides its keys.

    `examples`: what comes after the job's name in a command. `options`: those that are no keys.
    """

    job: str
    examples: Sequence[str]
    more: str
    options: dict[str, str]
    exit_status: str


def help_page(schema: type[BaseModel], usage: Usage, name: str, width: int) -> str:
    """The help on a section or a key, by its name; on the job if the name is empty.

    Raises:
        ConfigError: nothing has the name.
    """
    fields = dict(dotted_fields(schema))
    if not name:
        return _job_page(schema, usage, width)
    if name == ALL:
        pages = [_section(schema, one, width) for one in page_names(schema)]
        return "\n\n".join([_job_page(schema, usage, width), *pages])
    if name in fields:
        return key_help(name, fields[name], width)
    return _section(schema, name, width)


def typed_keys(schema: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys that people type, required ones first. A section inside another has none of them."""
    typed = {
        key: field
        for key, field in dotted_fields(schema)
        if field.json_schema_extra == TYPED and key.count(".") < 2
    }
    return dict(sorted(typed.items(), key=lambda item: not item[1].is_required()))


def _section(schema: type[BaseModel], name: str, width: int) -> str:
    if section := find_section(schema, name):
        return section_page(schema, section, width)
    pages = page_names(schema)
    if name == JOB and JOB in pages:
        return keys_of_the_job(schema, width)
    near = nearest(name, [*pages, *dotted_sections(schema), *dict(dotted_fields(schema))])
    hint = f"did you mean --help {near}?" if near else "--help lists the sections"
    raise ConfigError(f"--help {name}: no section or key has this name; {hint}")


def _job_page(schema: type[BaseModel], usage: Usage, width: int) -> str:
    options = usage.options | {
        "--help": "this page",
        "--help SECTION": "every key of a section, or of them all: --help all",
    }
    keys = {f"--{key}": _in_short(field) for key, field in typed_keys(schema).items()}
    start = f"rm_ray {usage.job}"
    blocks = [
        wrapped(JOBS[usage.job], width),
        "\n".join(command(f"{start} {example}", width) for example in usage.examples),
        wrapped(f"`python jobs/{usage.job}.py` does the same as `{start}`. {usage.more}", width),
        columns(options, width),
        f"The keys that people type:\n{columns(keys, width)}",
        f"The sections:\n{columns(page_names(schema), width)}",
        wrapped(f"Exit status: {usage.exit_status}.", width),
    ]
    return "\n\n".join(blocks)


def _in_short(field: FieldInfo) -> str:
    if field.is_required():
        return f"{field.description} Required."
    if field.default in (None, [], {}) or field.default_factory:
        return field.description or ""
    return f"{field.description} Default: {default_name(field)}."
