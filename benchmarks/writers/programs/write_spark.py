"""Files that Spark writes. Java must be installed."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from common import make_files, only_file
from pyspark.sql import DataFrame, SparkSession

SPARK = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", "1")
    .getOrCreate()
)
TIMES = """
    CASE WHEN i % 50 = 0 THEN timestamp'9999-12-31 23:59:59'
        ELSE timestamp'2024-02-29 12:00:00' + make_interval(0, 0, 0, i) END AS seen,
    timestamp_ntz'2024-02-29 12:00:00.123456' AS local_time,
    CASE WHEN i % 50 = 0 THEN date'0001-01-01' ELSE date'2024-02-29' + i END AS day
"""
NESTED = """
    map('a', i, 'b', NULL) AS counts, array(i, NULL) AS numbers,
    named_struct('name', concat('n', i), 'deep', array(named_struct('x', i))) AS facts,
    CASE WHEN i % 4 = 0 THEN NULL WHEN i % 4 = 1 THEN array() ELSE array(array(i)) END AS lists,
    CAST(i AS DECIMAL(5, 2)) AS decimal_int32, CAST(i AS DECIMAL(18, 4)) AS decimal_int64,
    CAST(i AS DECIMAL(38, 10)) AS decimal_bytes
"""
ODD = """
    INTERVAL '1-2' YEAR TO MONTH AS months, INTERVAL '1 02:03:04.5' DAY TO SECOND AS age,
    CAST(i % 100 AS TINYINT) AS small, CAST(text AS BINARY) AS bytes,
    CAST('ab' AS CHAR(5)) AS padded
"""
VARIANT = """parse_json(concat('{"place": ', i, ', "tags": ["a"], "price": 1.50}')) AS facts"""
INT96 = {"spark.sql.parquet.outputTimestampType": "INT96"}
MICROS = {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"}
LISTS = """
    array(i, NULL) AS numbers, map('a', array(i)) AS counts,
    CASE WHEN i % 4 = 0 THEN NULL WHEN i % 4 = 1 THEN array() ELSE array(i) END AS lists,
    array(named_struct('x', i)) AS facts, CAST(i AS DECIMAL(5, 2)) AS decimal_bytes
"""
LEGACY = {"spark.sql.parquet.writeLegacyFormat": "true"}
INDEXED = {
    "parquet.bloom.filter.enabled#text": "true",
    "parquet.bloom.filter.expected.ndv#text": "200",
    "parquet.page.row.count.limit": "20",
    "parquet.writer.version": "PARQUET_2_0",
    "parquet.page.write-checksum.enabled": "true",
}


def frame_of(texts: list[str], columns: str) -> DataFrame:
    rows = SPARK.createDataFrame(list(enumerate(texts)), "i INT, text STRING").coalesce(1)
    rows.createOrReplaceTempView("documents")
    return SPARK.sql(f"SELECT text, {columns} FROM documents")


def write(path: Path, frame: DataFrame, settings: dict[str, str], options: dict[str, str]) -> None:
    """Write with some settings of the session, and keep the one data file."""
    for key, value in settings.items():
        SPARK.conf.set(key, value)
    with TemporaryDirectory() as folder:
        frame.write.mode("overwrite").options(**options).parquet(folder)
        shutil.copyfile(only_file(Path(folder)), path)
    for key in settings:
        SPARK.conf.unset(key)


def int96(path: Path, texts: list[str]) -> None:
    write(path, frame_of(texts, TIMES), INT96, {})


def micros(path: Path, texts: list[str]) -> None:
    write(path, frame_of(texts, TIMES), MICROS, {"compression": "zstd"})


def nested(path: Path, texts: list[str]) -> None:
    write(path, frame_of(texts, NESTED), {}, {"compression": "gzip"})


def legacy(path: Path, texts: list[str]) -> None:
    write(path, frame_of(texts, LISTS), LEGACY, {})


def legacy_nested(path: Path, texts: list[str]) -> None:
    write(path, frame_of(texts, NESTED), LEGACY, {})


def indexed(path: Path, texts: list[str]) -> None:
    frame = frame_of(texts, "i AS number").sort("text")
    write(path, frame, {}, INDEXED | {"compression": "lz4_raw"})


def odd(path: Path, texts: list[str]) -> None:
    write(path, frame_of(texts, ODD), {}, {"compression": "lz4"})


def variant(path: Path, texts: list[str]) -> None:
    write(path, frame_of(texts, VARIANT), {}, {})


def comments(path: Path, texts: list[str]) -> None:
    """Return column metadata; Spark stores it in its own key of the file."""
    frame = frame_of(texts, "i AS number").withMetadata("number", {"comment": "the place"})
    write(path, frame, {"spark.sql.parquet.fieldId.write.enabled": "true"}, {})


make_files(
    "pyspark",
    "spark",
    [
        ("int96", "INT96 timestamps, one in the year 9999, beside one in INT64.", int96),
        ("micros", "TIMESTAMP_MICROS in and out of UTC, and dates from the year 1.", micros),
        ("nested", "Maps, arrays, structs, and decimals of three physical types.", nested),
        ("legacy", "Lists and decimals in the legacy format.", legacy),
        ("legacy-nested", "Lists of lists in the legacy format.", legacy_nested),
        ("indexed", "Sorted, with a Bloom filter, page index, checksums, version 2.", indexed),
        ("odd", "Intervals as numbers, CHAR, BINARY, TINYINT; Hadoop's LZ4.", odd),
        ("variant", "A VARIANT column of Spark.", variant),
        ("comments", "Column metadata in Spark's own key.", comments),
    ],
)
SPARK.stop()
