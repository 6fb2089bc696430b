"""Checks a nightly job's configuration before it spends an hour of an engine."""

from rm_ray.config import OUTPUT_COLUMNS
from rm_ray.corpus.files import list_files
from rm_ray.corpus.listing import literal_part
from rm_ray.corpus.tables.opening import refuse_table
from rm_ray.errors import ConfigError, InputError
from rm_ray.nightly.config import NightlyConfig
from rm_ray.scored.column_path import ColumnPath
from rm_ray.store.folder import place

# Columns that judges add.
JUDGED = ("n_chunks", "truncated_tokens")


def check_apart(config: NightlyConfig) -> None:
    """Refuse an output folder within the corpus: its Parquet files would be read as documents.

    Raises:
        ConfigError: the output lies in the corpus; the error names the path.
        InputError: the corpus is a table.
    """
    refuse_table(config.input, "a nightly job")
    output = place(config.output.path)
    for path in config.input.paths:
        if f"{output}/".startswith(f"{place(literal_part(path))}/"):
            raise ConfigError(
                f"output.path: {config.output.path} lies in the corpus {path}, and the nights' "
                "files would be read as documents; give a folder outside the corpus"
            )


def check_groups(config: NightlyConfig) -> None:
    """Refuse groups by columns that the rewards will not have.

    Raises:
        InputError: the rewards will lack a column; the error names it.
    """
    columns = {ColumnPath(text).column for text in config.report.by}
    columns -= {*config.input.carried, *OUTPUT_COLUMNS, *JUDGED}
    if not columns:
        return
    files = list_files(config.input, config.scoring().output).files
    for name in sorted(columns):
        if bad := [file.path for file in files if name not in file.partition]:
            raise InputError(
                f"report.by: the rewards will have no column {name!r}, and it is no folder of "
                f"{bad[0]}; copy it from the corpus: --input.keep {name}"
            )
