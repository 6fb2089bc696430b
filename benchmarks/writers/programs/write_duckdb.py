"""Files that DuckDB writes."""

from pathlib import Path

import duckdb
from common import make_files

TYPES = """
    json_object('place', i, 'words', ['x', NULL]) AS facts,
    (CASE i % 3 WHEN 0 THEN 'web' WHEN 1 THEN 'book' ELSE 'mail' END)
        ::ENUM('web', 'book', 'mail') AS source,
    ('00000000-0000-4000-8000-' || lpad(i::VARCHAR, 12, '0'))::UUID AS id,
    to_months(i::INTEGER) + to_days(i::INTEGER) + to_milliseconds(i) AS age,
    ('10:00:00.5+0' || (i % 5))::TIMETZ AS posted_at,
    i::BIT AS flags,
    encode(text) AS bytes
"""
NUMBERS = """
    (i::HUGEINT << 80) AS huge,
    (i::UHUGEINT << 100) AS unsigned_huge,
    i::BIGNUM AS big,
    (i / 100)::DECIMAL(4, 2) AS decimal_int32,
    (i / 7)::DECIMAL(18, 4) AS decimal_int64,
    (i / 3)::DECIMAL(38, 10) AS decimal_bytes,
    i::UTINYINT AS unsigned_byte,
    i::UBIGINT AS unsigned_long,
    CASE WHEN i % 10 = 0 THEN 'nan'::DOUBLE ELSE i / 10 END AS share
"""
TIMES = """
    (TIMESTAMP_NS '2024-02-29 12:00:00.123456789') + to_days(i::INTEGER) AS nanoseconds,
    (TIMESTAMP '2024-02-29 12:00:00.123456') + to_days(i::INTEGER) AS microseconds,
    ((TIMESTAMP '2024-02-29 12:00:00') + to_days(i::INTEGER))::TIMESTAMP_MS AS milliseconds,
    ((TIMESTAMP '2024-02-29 12:00:00') + to_days(i::INTEGER))::TIMESTAMP_S AS seconds,
    (TIMESTAMPTZ '2024-02-29 12:00:00+02') + to_days(i::INTEGER) AS zoned,
    TIME_NS '12:00:00.123456789' AS time_nanoseconds,
    CASE WHEN i % 50 = 0 THEN 'infinity'::TIMESTAMP ELSE TIMESTAMP '2024-01-01' END AS ends,
    CASE WHEN i % 50 = 0 THEN '-infinity'::DATE ELSE DATE '1500-01-01' END AS begins
"""
NESTED = """
    {'name': 'n' || i, 'deep': {'list': [i, NULL], 'map': MAP {'a': i}}} AS facts,
    [i, i + 1]::BIGINT[2] AS pair,
    CASE WHEN i % 4 = 0 THEN NULL WHEN i % 4 = 1 THEN [] ELSE [[i], NULL, []] END AS lists,
    CASE WHEN i % 2 = 0 THEN union_value(number := i::BIGINT)
        ELSE union_value(name := 'n' || i) END::UNION(number BIGINT, name VARCHAR) AS either,
    NULL AS nothing
"""
VARIANT = """
    {'place': i, 'tags': ['a', 'b'], 'nested': {'ok': i % 2 = 0}}::VARIANT AS facts,
    CASE i % 4 WHEN 0 THEN (i::VARIANT) WHEN 1 THEN ('n' || i)::VARIANT
        WHEN 2 THEN [i, i + 1]::VARIANT ELSE NULL END AS mixed
"""
GEOMETRY = "('POINT(' || (i % 90) || ' ' || (i % 45) || ')')::GEOMETRY AS place"
KEYS = """FORMAT parquet, PARQUET_VERSION v2, CODEC 'brotli', ROW_GROUP_SIZE 2048,
    FIELD_IDS {text: 1, number: 2}, KV_METADATA {license: 'CC-BY-4.0', note: '{"made": "by hand"}'}
"""


def write(path: Path, texts: list[str], columns: str, options: str = "FORMAT parquet") -> None:
    """Write the texts and some columns, which are SQL about the text and its number `i`."""
    database = duckdb.connect()
    database.execute("CREATE TABLE documents (i BIGINT, text VARCHAR)")
    database.executemany("INSERT INTO documents VALUES (?, ?)", list(enumerate(texts)))
    query = f"SELECT text, {columns} FROM documents ORDER BY i"
    database.execute(f"COPY ({query}) TO '{path}' ({options})")


MAKERS = [
    ("types", "JSON, ENUM, UUID, INTERVAL, TIMETZ, BIT and BLOB columns.", TYPES),
    (
        "numbers",
        "HUGEINT, UHUGEINT and BIGNUM, decimals in INT32, INT64 and bytes, and NaN.",
        NUMBERS,
    ),
    ("times", "Times of every unit, with infinite timestamps and dates.", TIMES),
    ("nested", "Structs, maps, arrays, a UNION, and a column of NULL type.", NESTED),
    ("variant", "VARIANT columns, one of them shredded.", VARIANT),
    ("geometry", "A GEOMETRY column.", GEOMETRY),
]

make_files(
    "duckdb",
    "duckdb",
    [
        *(
            (what, special, lambda path, texts, columns=columns: write(path, texts, columns))
            for what, special, columns in MAKERS
        ),
        (
            "key-values",
            "Key-value metadata, field ids, BROTLI and the newer encodings of version 2.",
            lambda path, texts: write(path, texts, "i AS number", KEYS),
        ),
    ],
)
