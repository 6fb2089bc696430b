"""Shows the help on a section, and on a key.

Several sections may have the same keys, for example all sections of storage. The keys are shown on
one page, and the pages of the outer sections name this page.
"""

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rm_ray.command_line.keys import (
    common_kind,
    dotted_fields,
    dotted_sections,
    kinds_of_keys,
    section_kinds,
)
from rm_ray.command_line.pages import listed, wrapped
from rm_ray.command_line.values import default_name, type_name

# The page of the keys that are in no section.
JOB = "job"


def page_names(schema: type[BaseModel]) -> dict[str, str]:
    """Return the names and subjects of the pages. Together the pages show every key."""
    sections = dotted_sections(schema)
    pages = {name: _in_short(field) for name, field in sections.items() if "." not in name}
    for names in _alike(sections):
        about = f"{_in_short(sections[names[0]])} The keys of {listed(names)}."
        pages.setdefault(_last_word(names[0]), about)
    outside = [name for name in schema.model_fields if name not in sections]
    return pages | ({JOB: f"Keys in no section: {listed(outside)}."} if outside else {})


def find_section(schema: type[BaseModel], name: str) -> str | None:
    """Return the section of a name, None if there is none.

    A section's last word is enough, if no section with other keys ends in the same word.
    """
    sections = dotted_sections(schema)
    if name in sections:
        return name
    ending = [section for section in sections if _last_word(section) == name]
    return ending[0] if len(ending) == 1 or ending in _alike(sections) else None


def section_page(schema: type[BaseModel], name: str, width: int) -> str:
    """Write the page of a section: its subject, its keys, and the keys of the sections in it."""
    sections = dotted_sections(schema)
    inner = [section for section in sections if section.startswith(f"{name}.")]
    alike = {section: names for names in _alike(sections) for section in names}
    shown = [name, *(section for section in inner if section not in alike)]
    notes = [
        f"{section}: {sections[section].description or _about(sections[section])} "
        f"`--help {_last_word(section)}` shows its keys."
        for section in inner
        if section in alike
    ]
    if name in alike:
        twins = [section for section in alike[name] if section != name]
        notes.append(f"The same keys are in {listed(twins)}.")
    return "\n\n".join([*_groups(schema, shown, width), *(wrapped(note, width) for note in notes)])


def keys_of_the_job(schema: type[BaseModel], width: int) -> str:
    """Describe the keys that are in no section."""
    keys = [key_help(*item, width) for item in dotted_fields(schema) if "." not in item[0]]
    return "\n".join(["Keys in no section:", *keys])


def key_help(key: str, field: FieldInfo, width: int) -> str:
    """Describe a key: its type, its default and its meaning."""
    default = "required" if field.is_required() else f"default {default_name(field)}"
    line = wrapped(f"--{key}  {type_name(field.annotation)}, {default}", width, 6, first=2)
    return f"{line}\n{wrapped(field.description or '', width, 6)}"


def _groups(schema: type[BaseModel], names: list[str], width: int) -> list[str]:
    """Describe the keys of some sections, one group per section or per kinds of a section."""
    sections, kinds = dotted_sections(schema), kinds_of_keys(schema)
    groups: dict[str, list[str]] = {}
    for key, field in dotted_fields(schema):
        section = key.rpartition(".")[0]
        if section in names:
            heading = _heading(section, sections[section], kinds.get(key, []))
            groups.setdefault(heading, []).append(key_help(key, field, width))
    return ["\n".join([wrapped(heading, width), *keys]) for heading, keys in groups.items()]


def _heading(section: str, field: FieldInfo, tags: list[str]) -> str:
    """Return a section's name and subject; with `tags`, of the section's kinds with these tags."""
    of_kinds = section_kinds(field)
    if not tags:
        return f"{section}: {_about(field)}"
    title = f"{section} ({', '.join(tags)}):"
    if len(tags) > 1 and set(tags) <= of_kinds.keys():
        return title
    about = _words(of_kinds[tags[0]]) if tags[0] in of_kinds else _about(field)
    return f"{title} {about}"


def _in_short(field: FieldInfo) -> str:
    return f"{_about(field).partition('. ')[0].rstrip('.')}."


def _about(field: FieldInfo) -> str:
    return _words(common_kind(field))


def _words(kind: type[BaseModel]) -> str:
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split())


def _alike(sections: dict[str, FieldInfo]) -> list[list[str]]:
    """Return the groups of two or more sections that have the same keys."""
    groups: dict[tuple[type[BaseModel], ...], list[str]] = {}
    for name, field in sections.items():
        groups.setdefault(tuple(section_kinds(field).values()), []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def _last_word(name: str) -> str:
    return name.rpartition(".")[2]
