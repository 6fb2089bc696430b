"""Checks the columns that a filter's configuration names."""

import logging
from collections.abc import Mapping, Sequence

import pyarrow as pa

from rm_ray.corpus.columns import is_text
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.footers import Footer, check_readable
from rm_ray.errors import ConfigError, InputError
from rm_ray.filter.condition import REMEDY, Condition
from rm_ray.filter.config import FilterConfig, RuleConfig
from rm_ray.filter.delivery import DeliverConfig
from rm_ray.scored.column_path import ColumnPath
from rm_ray.scored.columns import check_group, type_of

QUOTES = " (texts stand in single quotes, as in lang = 'en')"
log = logging.getLogger(__name__)

# Name of the number of a document's bucket, 0 the worst: in names of folders, and of a column if
# output.add asks for it.
QUALITY = "quality"
BUCKET = pa.field(QUALITY, pa.int32())
# Columns of `output.kind: ids`.
IDS = ("id", "source_file", "row", "reward")


def written_columns(config: FilterConfig, rewards: pa.Schema) -> pa.Schema:
    """Return the columns of the rewards to write, and the bucket's number if output.add asks for
    it.

    Raises:
        ConfigError: output.add names an unknown column, or the bucket's column exists already.
    """
    output = config.output
    known = [*rewards.names, *([QUALITY] if output.buckets else [])]
    if unknown := [name for name in output.add if name not in known]:
        raise ConfigError(
            f"output.add: the rewards have no column {unknown[0]!r}; they have {', '.join(known)}"
        )
    own = [name for name in IDS if name in rewards.names] if output.kind == "ids" else []
    names = list(dict.fromkeys([*own, *output.add]))
    if output.kind == "rewards":
        names = list(dict.fromkeys([*rewards.names, *output.add]))
    if output.buckets and QUALITY in names and QUALITY in rewards.names:
        raise ConfigError(
            f"output.buckets: the rewards have a column '{QUALITY}', the name of the buckets' "
            "folders, and it is to be written; leave it out of output.add, or write output.kind ids"
        )
    return pa.schema([rewards.field(n) if n in rewards.names else BUCKET for n in names])


def spoken_of(rule: RuleConfig, deliver: DeliverConfig | None = None) -> dict[str, str]:
    """Return the columns that the rule and the delivery name, each with the key that names it."""
    where = Condition(rule.where).columns if rule.where else []
    by = [ColumnPath(text).column for text in rule.by]
    weight = [ColumnPath(rule.weight_column).column] if rule.weight_column else []
    apart = [ColumnPath(text).column for text in deliver.by] if deliver else []
    named = {"deliver.by": apart, "rule.where": where, "rule.by": by, "rule.weight": weight}
    return {column: key for key, columns in named.items() for column in columns}


def warn_of_mixed_folders(files: Sequence[InputFile], added: Sequence[str]) -> None:
    """Warn if some readers cannot read the bucket from the names of folders: the corpus's files are
    below different hive folders, and no column `quality` is written.

    Args:
        files: the corpus's files.
        added: the columns of the rewards that are written beside the corpus's.
    """
    below = {tuple(file.partition): file.path for file in files}
    if len(below) > 1 and QUALITY not in added:
        log.warning(
            "%s and %s are not below the same hive folders: DuckDB and polars do not read quality "
            "from the names of such folders. --output.add quality writes it as a column too "
            "(pyarrow then reads the folder with partitioning=None)",
            *sorted(below.values())[:2],
        )


def check_columns(
    config: FilterConfig,
    rewards: pa.Schema,
    others: Sequence[str],
    files: Mapping[str, tuple[InputFile, Footer]],
) -> None:
    """Refuse columns that are missing, collide, or have a type that does not fit their use.

    Args:
        config: the filter's configuration.
        rewards: the columns of the first run's rewards.
        others: columns that the rule names and the rewards do not have.
        files: the corpus's files that are read.

    Raises:
        InputError: a column is missing or collides; the message names the column and the file.
        ConfigError: a rule does not fit the columns.
    """
    named = spoken_of(config.rule, config.deliver)
    own = {name: rewards.field(name) for name in named if name not in others}
    kinds: dict[pa.Schema, str] = {}
    for file, footer in files.values():
        _check_names(config, rewards, others=others, file=file, footer=footer)
        fields = {name: _field(name, footer.schema) for name in others}
        kinds.setdefault(pa.schema([(own | fields)[name] for name in named]), file.path)
    if not others:
        kinds = {pa.schema([own[name] for name in named]): "the rewards"}
    for schema, place in kinds.items():
        _check_types(config.rule, schema, place)
        for text in config.deliver.by:
            check_group("deliver.by", ColumnPath(text), schema, place)
    if config.rule.where:
        _warn_of_two_kinds(Condition(config.rule.where).columns, kinds)
    for text in dict.fromkeys([*config.rule.by, *config.deliver.by]):
        _warn_of_two_writings(ColumnPath(text), kinds)


def _warn_of_two_kinds(columns: Sequence[str], kinds: Mapping[pa.Schema, str]) -> None:
    """Warn of columns that are text in some files only. Text compares otherwise than numbers: the
    text '10' is less than '5'.
    """
    for name in columns:
        places = {is_text(schema.field(name).type): place for schema, place in kinds.items()}
        if len(places) > 1:
            log.warning(
                "rule.where: %s is text in %s and not in %s, so comparisons differ between these "
                "files; convert it, as in try_cast(%s as bigint)",
                name,
                places[True],
                places[False],
                name,
            )


def _warn_of_two_writings(path: ColumnPath, kinds: Mapping[pa.Schema, str]) -> None:
    """Warn of a column that makes groups and whose values some files write otherwise.

    A group is a text: the decimals 1.0 and 1.00 are two groups, and so is a moment in milliseconds
    and the same one in microseconds.
    """
    types = {path.of(schema.empty_table()).type: place for schema, place in kinds.items()}
    places = {_written_as(kind): at for kind, at in types.items() if not pa.types.is_null(kind)}
    if len(places) > 1:
        (one, other), more = list(places.items())[:2], len(places) - 2
        log.warning(
            "%s is %s in %s and %s in %s%s: the same value may be written in two ways, and make "
            "two groups; keep the column when scoring (--input.keep), which gives it one type",
            path.text,
            *one,
            *other,
            f", and of {more} more types" if more else "",
        )


def _written_as(kind: pa.DataType) -> str:
    """Return a name for all types whose values are written as text in the same way."""
    if pa.types.is_integer(kind):
        return "a whole number"
    if pa.types.is_decimal(kind):
        return f"a decimal with {kind.scale} digits after the point"
    return "text" if is_text(kind) else str(kind)


def _field(name: str, schema: pa.Schema) -> pa.Field:
    """Return the file's column of this name, or a text column for the name of a hive folder."""
    return schema.field(name) if name in schema.names else pa.field(name, pa.string())


def _check_names(
    config: FilterConfig,
    rewards: pa.Schema,
    others: Sequence[str],
    file: InputFile,
    footer: Footer,
) -> None:
    """Refuse columns that are missing from one file, or collide there. Raises InputError."""
    schema = footer.schema
    for name in others:
        count = schema.names.count(name)
        key = spoken_of(config.rule, config.deliver)[name]
        check_readable(key, name, file.path, footer.unreadable)
        if count > 1:
            raise InputError(
                f"{key}: {file.path} has {count} columns {name!r}, so the name is ambiguous; give "
                "the columns different names"
            )
        if not count and name not in file.partition:
            raise InputError(
                f"{key}: neither the rewards nor {file.path} have a column {name!r}; the file has "
                f"{', '.join([*schema.names, *file.partition])}, the rewards have "
                f"{', '.join(rewards.names)}"
                f"{QUOTES if key == 'rule.where' else ''}"
            )
    if config.output.kind != "rows":
        return
    own = {*schema.names, *footer.unreadable, *file.partition}
    if config.output.buckets and QUALITY in own:
        raise InputError(
            f"output.buckets: {file.path} has a column '{QUALITY}' of its own, the name of the "
            "buckets' folders; rename it"
        )
    if twice := [name for name in config.output.add if name in own]:
        raise InputError(
            f"output.add: {file.path} has a column {twice[0]!r} of its own; rename it, or leave it "
            "out of output.add"
        )


def _check_types(rule: RuleConfig, schema: pa.Schema, place: str) -> None:
    """Refuse rules that do not fit the columns that the rules name.

    Args:
        rule: the rule as it is typed.
        schema: the columns.
        place: the file of the columns, or "the rewards".

    Raises:
        ConfigError: a rule does not fit; the message names the column and the place.
    """
    if rule.where:
        condition = Condition(rule.where)
        try:
            condition.holds(schema.empty_table())
        except ConfigError as error:
            types = ", ".join(f"{name} is {schema.field(name).type}" for name in condition.columns)
            raise ConfigError(f"rule.where: {error}; in {place} {types}; {REMEDY}") from None
    for text in rule.by:
        check_group("rule.by", ColumnPath(text), schema, place)
    if rule.weight_column:
        kind = type_of("rule.weight", ColumnPath(rule.weight_column), schema)
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise ConfigError(
                f"rule.weight: {rule.weight_column} of {place} is {kind}, not a number; give a "
                "column of whole numbers, such as token_count"
            )
