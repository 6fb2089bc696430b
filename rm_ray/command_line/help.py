"""Shows the help of a job: the keys that people type, and the names of the other pages."""

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
    """Usage holds the words of a job's help beside its keys."""

    job: str
    """Name of the job."""
    examples: Sequence[str]
    """Example commands, without `rm_ray JOB`."""
    more: str
    """Sentences after the examples."""
    options: dict[str, str]
    """The meaning of each option that is no key."""
    exit_status: str
    """The meaning of each exit status."""
    summary: str = ""
    """Name of the file, in the output folder, that sums a run up."""


def help_page(schema: type[BaseModel], usage: Usage, name: str, width: int) -> str:
    """Return the help on a section or a key, by its name; on the job if the name is empty.

    Args:
        schema: the job's configuration.
        usage: the other words of the job's help.
        name: a section, a key, "all" or "".
        width: columns of the page.

    Raises:
        ConfigError: no section or key has the name.
    """
    fields = dict(dotted_fields(schema))
    if not name:
        return _job_page(schema, usage, width)
    if name == ALL:
        pages = [_section(schema, section, width) for section in page_names(schema)]
        return "\n\n".join([_job_page(schema, usage, width), *pages])
    if name in fields:
        return key_help(name, fields[name], width)
    return _section(schema, name, width)


def typed_keys(schema: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the keys that people type, required keys first; none of a section inside another."""
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
        "--help SECTION": "every key of a section; of all sections: --help all",
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
