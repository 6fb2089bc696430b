"""Makes one checked configuration of a YAML file, files of sections, and options."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from rm_ray.command_line.arguments import Arguments
from rm_ray.command_line.files import read_section, read_tree
from rm_ray.command_line.keys import alternative_keys, dotted_fields, is_section, leaf_keys
from rm_ray.command_line.refusals import refuse_unknown, sentence
from rm_ray.command_line.trees import assign, overlay, value_at, without_named
from rm_ray.command_line.values import parse_value
from rm_ray.errors import ConfigError

Config = TypeVar("Config", bound=BaseModel)


def load_config(schema: type[Config], arguments: Arguments) -> Config:
    """Return the configuration: the YAML file, then sections' own files, then options.

    A section's own file (`--SECTION FILE`) replaces the section of the YAML file, and options
    override both. A section's file may hold keys of the sections beside it too, under their names.
    Alternatives that the configuration has named already stay.

    Args:
        schema: checks the configuration.
        arguments: the command line.

    Raises:
        ConfigError: the file cannot be read; a key is unknown (with the nearest known key); a value
            has the wrong type; or a combination makes no sense.
    """
    fields = dict(dotted_fields(schema))
    tree = read_tree(arguments.config_file) if arguments.config_file else {}
    refuse_unknown(leaf_keys(tree, fields), fields, where=f" in {arguments.config_file}")
    options = dict(arguments.overrides)
    alternatives = list(alternative_keys(schema))
    for name in sorted(name for name in options if is_section(name, fields)):
        file = options.pop(name)
        section, others = read_section(name, file, fields)
        refuse_unknown(leaf_keys(section, fields, f"{name}."), fields, where=f" in {file}")
        # the other sections of a judge's file are that judge's: cheap.engine beside cheap.judge
        outer = name.rpartition(".")[0]
        beside = {outer: others} if outer and others else others
        refuse_unknown(leaf_keys(beside, fields), fields, where=f" in {file}")
        assign(tree, name, section)
        given = {key: value_at(beside, key) for key in leaf_keys(beside, fields)}
        overlay(tree, without_named(given, tree, alternatives), alternatives)
    refuse_unknown(options, fields, where="", prefix="--")
    given = {key: parse_value(key, text, fields[key].annotation) for key, text in options.items()}
    overlay(tree, given, alternatives)
    try:
        return schema.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(sentence(error, fields)) from None
