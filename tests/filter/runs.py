"""How tests run the filter job, and ask DuckDB what it should have kept."""

import hashlib
from pathlib import Path

import duckdb
import pyarrow as pa

from rm_ray.filter.__main__ import main

_MASK = (1 << 64) - 1


def run(caplog, *extra: str, **changes) -> tuple[int, str]:
    """Exit status of the job in this process, and the lines it logged; `rule_by=...` stands for
    --rule.by.
    """
    caplog.clear()
    caplog.set_level("INFO")
    return main([*options(**changes), *extra]), caplog.text


def options(**changes) -> list[str]:
    given = {"run.progress_s": "1"} | {
        key.replace("_", ".", 1): str(value) for key, value in changes.items()
    }
    return [word for key, value in given.items() for word in (f"--{key}", value)]


def files_of(output: Path) -> dict[str, bytes]:
    """Everything a run has left that does not tell when it ran."""
    data = [*output.glob("*/**/*.parquet"), output / "manifest.json"]
    data += (output / "_rm_ray" / "done").iterdir()
    return {str(path.relative_to(output)): path.read_bytes() for path in data if path.is_file()}


def tie_hash(seed: int, file: str, row: int) -> int:
    """SplitMix64 over the row and SHA-256, written down once more and not called."""
    key = int.from_bytes(hashlib.sha256(f"cut {seed}\n{file}".encode()).digest()[:8], "little")
    x = (row + key) & _MASK
    x = x * 0x9E3779B97F4A7C15 & _MASK
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & _MASK
    return x ^ (x >> 31)


class Oracle:
    """A corpus and its rewards in DuckDB: tables `corpus`, and `d` of the documents with `hash`,
    the corpus's `lang`, `kind`, `day` and `size`, and the second run's reward as `other`.
    """

    def __init__(self, corpus: Path, *scored: Path, seed: int = 0) -> None:
        self.db = duckdb.connect()
        self.db.execute(f"CREATE TABLE corpus AS {self._read(corpus)}")
        for number, folder in enumerate(scored):
            rewards = f"SELECT * FROM '{folder}/rewards/*.parquet'"
            self.db.execute(f"CREATE TABLE r{number} AS {rewards}")
        places = self.db.execute("SELECT filename, file_row_number FROM corpus").fetchall()
        hashes = pa.table({
            "file": [file for file, _ in places],
            "number": [row for _, row in places],
            "hash": pa.array([tie_hash(seed, file, row) for file, row in places], pa.uint64()),
        })  # fmt: skip
        self.db.register("hashes", hashes)
        other = ""
        if len(scored) > 1:
            second = "SELECT source_file, row, reward AS other FROM r1"
            other = f"LEFT JOIN ({second}) USING (source_file, row)"
        self.db.execute(f"""
            CREATE TABLE d AS SELECT r0.*, corpus.lang, corpus.kind, corpus.day,
                corpus.size, hashes.hash,
                ((hash >> 11)::DOUBLE + 0.5) / 9007199254740992.0 AS u
                {", other" if other else ""}
            FROM r0 JOIN corpus ON filename = source_file AND file_row_number = row
            JOIN hashes ON file = source_file AND number = row {other}
        """)

    def _read(self, folder: Path) -> str:
        return (
            f"SELECT * FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true, "
            "union_by_name = true, filename = true, file_row_number = true)"
        )

    @staticmethod
    def ask(sql: str) -> list[tuple]:
        """The rows of a query in a database of its own."""
        return duckdb.sql(sql).fetchall()

    def rows(self, sql: str) -> list[tuple]:
        return self.db.execute(sql).fetchall()

    def expected(self, kept: str) -> list[str]:
        """The corpus's rows that `kept`, a query for source_file and row, chooses; in order."""
        return self._all(
            f"""SELECT corpus.* EXCLUDE (filename, file_row_number) FROM corpus JOIN ({kept}) k
            ON filename = k.source_file AND file_row_number = k.row
            ORDER BY lang, filename, file_row_number"""
        )

    def found(self, output: Path, columns: str = "*") -> list[str]:
        """The rows of a filter's corpus, in order."""
        return self._all(
            f"""SELECT {columns} FROM (
                SELECT * EXCLUDE (filename, file_row_number)
                FROM ({self._read(output / "corpus")}) ORDER BY lang, filename, file_row_number)"""
        )

    def _all(self, sql: str) -> list[str]:
        """As text: NaN is nothing's equal. Columns by name, without nulls: of the files that are
        left, none may have a column that others had.
        """
        result = self.db.execute(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({sql})")
        names = [column[0] for column in result.description]
        return [
            repr(sorted((n, v) for n, v in zip(names, row, strict=True) if v is not None))
            for row in result.fetchall()
        ]
