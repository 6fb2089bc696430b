"""Open a table by its address."""

from rm_ray.addresses import lance_of, table_of
from rm_ray.config import CorpusConfig, InputConfig
from rm_ray.corpus.passed_over import convert_command
from rm_ray.corpus.tables.delta import open_delta
from rm_ray.corpus.tables.snapshot import Snapshot
from rm_ray.errors import InputError


def refuse_table(config: CorpusConfig, job: str) -> None:
    """Refuse a table in a job that reads plain Parquet only.

    Args:
        config: the configuration of the corpus.
        job: the job, in words.

    Raises:
        InputError: the corpus is a table.
    """
    _refuse_lance(config)
    if tables := [path for path in config.paths if table_of(path)]:
        raise InputError(
            f"{config.key}.path: {tables[0]} is a table, and {job} reads plain Parquet only: score "
            "the table (jobs/score.py), and filter that run (jobs/filter.py)"
        )


def open_table(config: CorpusConfig) -> Snapshot | None:
    """Return the snapshot that a corpus is; None if it is no table.

    Raises:
        InputError: the table cannot be read, or stands beside other paths.
    """
    _refuse_lance(config)
    tables = [path for path in config.paths if table_of(path)]
    if not tables:
        return None
    if not isinstance(config, InputConfig):
        raise InputError(
            f"{config.key}.path: {tables[0]} is a table, which is read by the plan of a scoring "
            f"run; leave {config.key}.path out, or give plain Parquet"
        )
    if len(config.paths) > 1:
        raise InputError(
            f"{config.key}.path: {tables[0]} is a table, and a table is a corpus of its own: give "
            "no other path beside it"
        )
    named = table_of(tables[0])
    assert named is not None  # it is one of `tables`
    kind, address = named
    if kind == "delta":
        return open_delta(address, config.snapshot, config)
    try:
        from rm_ray.corpus.tables.iceberg import open_iceberg
    except ImportError as error:
        raise InputError(
            f"{config.key}.path: {tables[0]} needs the package pyiceberg ({error}): pip install "
            "'rm_ray[iceberg]'"
        ) from None
    return open_iceberg(address, config.snapshot, config)


def _refuse_lance(config: CorpusConfig) -> None:
    if datasets := [path for path in config.paths if lance_of(path)]:
        raise InputError(
            f"{config.key}.path: {datasets[0]} is a Lance dataset, whose files are not Parquet; "
            f"this converts it: {convert_command(datasets[0])}"
        )
