"""The columns that a filter is told of: what they are, and what it is refused for."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from rm_ray.corpus.files import InputFile
from rm_ray.corpus.footers import Footer, check_readable
from rm_ray.corpus.formulas import Formula
from rm_ray.errors import ConfigError, InputError
from rm_ray.filter.config import FilterConfig, RuleConfig
from rm_ray.run.reward_columns import check_group

# Columns of `output.kind: ids`.
IDS = ("id", "source_file", "row", "reward")


def written_columns(config: FilterConfig, rewards: pa.Schema) -> list[str]:
    """The columns of the rewards that are written.

    Raises:
        ConfigError: there is none of that name.
    """
    output = config.output
    if unknown := [name for name in output.add if name not in rewards.names]:
        raise ConfigError(
            f"output.add: the rewards have no column {unknown[0]!r}; they have "
            f"{', '.join(rewards.names)}"
        )
    own = [name for name in IDS if name in rewards.names] if output.kind == "ids" else []
    names = list(dict.fromkeys([*own, *output.add]))
    if output.kind == "rewards":
        names = list(rewards.names)
    if output.buckets and "quality" in names:
        raise ConfigError(
            "output.buckets: the rewards have a column 'quality', as the folders of buckets are "
            "called, and it is to be written; leave it out of output.add, or write output.kind ids"
        )
    return names


def spoken_of(rule: RuleConfig) -> dict[str, str]:
    """The columns that rules speak of, with the key that does."""
    where = Formula(rule.where).columns if rule.where else []
    by = [name for text in rule.by for name in Formula(text).columns]
    return dict.fromkeys(where, "rule.where") | dict.fromkeys(by, "rule.by")


def check_columns(
    config: FilterConfig,
    rewards: pa.Schema,
    others: Sequence[str],
    files: Mapping[str, tuple[InputFile, Footer]],
) -> None:
    """Refuse columns that are missing, collide, or are of a type that does not fit their use.

    Args:
        others: columns that rules speak of and the rewards have not.
        files: the corpus's files that are read.

    Raises:
        InputError: with the column and the file.
        ConfigError: a condition or group cannot be worked out.
    """
    kinds: set[tuple[pa.DataType, ...]] = set()
    for file, footer in files.values():
        schema = footer.schema
        _check_names(config, rewards, others, file, footer)
        kinds.add(tuple(schema.field(n).type if n in schema.names else pa.string() for n in others))
    for types in kinds or {(pa.string(),) * len(others)}:
        known = dict(zip(others, types, strict=True))
        fields = [
            (name, known[name] if name in known else rewards.field(name).type)
            for name in spoken_of(config.rule)
        ]
        _check_types(config.rule, pa.schema(fields))


def _check_names(
    config: FilterConfig, rewards: pa.Schema, others: Sequence[str], file: InputFile,
    footer: Footer,
) -> None:  # fmt: skip
    """Of one file. Raises InputError."""
    schema = footer.schema
    for name in others:
        found = schema.names.count(name)
        key = spoken_of(config.rule)[name]
        check_readable(key, name, file.path, footer.unreadable)
        if found > 1:
            raise InputError(
                f"{key}: {file.path} has {found} columns {name!r}, and which is meant is not "
                "clear; give them different names"
            )
        if not found and name not in file.partition:
            raise InputError(
                f"{key}: neither the rewards nor {file.path} have a column {name!r}; it has "
                f"{', '.join([*schema.names, *file.partition])}, they have "
                f"{', '.join(rewards.names)}"
            )
    if config.output.kind != "rows":
        return
    own = {*schema.names, *footer.unreadable, *file.partition}
    if twice := [name for name in config.output.add if name in own]:
        raise InputError(
            f"output.add: {file.path} has a column {twice[0]!r} of its own; rename it, or leave it "
            "out of output.add"
        )
    if config.output.buckets and "quality" in own:
        raise InputError(
            f"output.buckets: {file.path} has a column 'quality' of its own, as the folders of "
            "buckets are called; rename it"
        )


def _check_types(rule: RuleConfig, schema: pa.Schema) -> None:
    """Of the columns that rules speak of. Raises ConfigError."""
    if rule.where:
        try:
            Formula(rule.where).holds(schema.empty_table())
        except ConfigError as error:
            raise ConfigError(f"rule.where: {error}") from None
    for text in rule.by:
        check_group("rule.by", Formula(text), schema)
