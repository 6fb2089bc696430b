"""Files that ClickHouse writes, by chdb."""

import json
from pathlib import Path

import chdb
from common import make_files

TYPES = """
    toLowCardinality(if(i % 2, 'web', 'book')) AS source,
    toUInt64(18446744073709551615 - i) AS hash,
    toFixedString(leftPad(toString(i), 6, '0'), 6) AS code,
    CAST(i % 3 + 1, 'Enum8(\\'a\\' = 1, \\'b\\' = 2, \\'c\\' = 3)') AS grade,
    toUUID(concat('00000000-0000-4000-8000-', leftPad(toString(i), 12, '0'))) AS id,
    toIPv4(concat('10.0.0.', toString(i))) AS address,
    toIPv6(concat('2001:db8::', toString(i))) AS long_address,
    toDecimal32(i, 2) AS decimal32, toDecimal64(i, 4) AS decimal64,
    toDecimal128(i, 10) AS decimal128, i % 2 = 0 AS small,
    toBool(i % 2) AS sure, concat('{"place": ', toString(i), '}')::JSON AS facts
"""
TIMES = """
    toDate('2024-02-29') + toUInt16(i) AS day, toDate32('1950-01-01') + toUInt16(i) AS old_day,
    toDateTime('2024-02-29 12:00:00', 'Europe/Paris') + toUInt32(i) AS seconds,
    toDateTime64('2024-02-29 12:00:00.123456789', 9, 'UTC') AS nanoseconds
"""
WIDE = """
    toInt128(i) * -1 AS int128, toUInt256(i) AS uint256, toDecimal256(i, 30) AS decimal256,
    toNullable(if(i % 2, toInt16(i), NULL)) AS maybe, toFloat32(i) AS share
"""
NESTED = """
    map('a', toUInt8(i % 256), 'b', 2) AS facts, (toInt32(i), 'x')::Tuple(place Int32, name String)
        AS pair, [[i], []] AS lists,
    arrayMap(x -> toLowCardinality(toNullable(toString(x))), [i]) AS words
"""
GEO = "(toFloat64(i % 180), toFloat64(i % 90))::Point AS place"


def write(path: Path, texts: list[str], columns: str, settings: str = "") -> None:
    """Write the texts and some columns, which are SQL about the text's number `i`."""
    rows = path.with_suffix(".jsonl")
    lines = (json.dumps({"i": i, "text": text}) for i, text in enumerate(texts))
    rows.write_text("\n".join(lines))
    source = f"file('{rows}', 'JSONEachRow', 'i UInt64, text String')"
    settings = f"engine_file_truncate_on_insert = 1{settings}"
    chdb.query(
        f"INSERT INTO FUNCTION file('{path}', 'Parquet') SELECT text, {columns} FROM {source}"
        f" ORDER BY i SETTINGS {settings}"
    )
    rows.unlink()


def maker(columns: str, settings: str = "") -> object:
    return lambda path, texts: write(path, texts, columns, settings)


make_files(
    "chdb",
    "clickhouse",
    [
        ("types", "LowCardinality, UInt64, FixedString, Enum, UUID, IP and JSON.", maker(TYPES)),
        ("times", "Dates, a zoned DateTime, and DateTime64(9).", maker(TIMES)),
        ("wide", "Integers of 128 and 256 bits, and a decimal of 76 digits.", maker(WIDE)),
        ("nested", "Map, Tuple, and nested Array columns.", maker(NESTED)),
        ("geo", "A Point column, under a `geo` key.", maker(GEO)),
        (
            "bare",
            "Strings without a logical type, LZ4, and small pages.",
            maker(
                TYPES,
                ", output_format_parquet_string_as_string = 0"
                ", output_format_parquet_compression_method = 'lz4'"
                ", output_format_parquet_data_page_size = 512"
                ", output_format_parquet_batch_size = 16",
            ),
        ),
    ],
)
