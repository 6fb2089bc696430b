"""The page docs/writers.md, made from the rows of the table."""

from collections import Counter
from collections.abc import Mapping, Sequence

from benchmarks.writers.judge import Row

CHANGED, REFUSED = "changed", "refused"
ALL = "all"
# Ends of sentences about columns, from rm_ray.filter.copy.keeping and rm_ray.parquet.source.
LEFT_OUT, RESHAPED = "and is left out", "in another structure"

HEAD = """\
# What the filter keeps of Parquet files

Made by `{command}`, and not by hand.
{counts}

The filter copies the values of kept rows by their physical bytes. It reads a file as plain physical
types, and writes the kept rows as the same types. Then it puts the schema of the file back, element
by element: names, annotations, repetition, field ids. It also puts back the key-value metadata. It
writes with the choices of the file's first row group: codec, dictionary or other encoding, Bloom
filters, page index, version of data pages, checksums, sorting columns. Pages, row groups and
statistics are made anew, and the copy says that pyarrow has written it (`created_by`).
"""
TABLE = """\
## The table

*Kept*: schema, metadata, choices and values are those of the file. *Changed*: the same, but for
the words that follow. *Refused*: planning ends with exit status 2 and names the columns. The row
says what `--output.lossy allow` then loses, and all other columns are compared. *Not readable*: the
filter cannot read the file, and the row says why. *No rows*: there is nothing to write. WRONG marks
a difference that the filter does not speak of.

*Also* names differences that are no fault. The copy has no statistics, and so no column index, of a
column that pyarrow would compare in another order than its annotation asks for. *Read by* names the
readers that can read the file. Each of them reads the copy with the same types and values, if the
row is not WRONG. The other readers cannot read the file itself.
"""
END = """\
## How files were compared

Each file had a folder of its own in one corpus. The rewards kept its first row and about half of
its other rows. These readers read each file and its copy:
{readers}.
Types have to be the same, and the values of all kept rows have to be equal. NaN is equal to NaN.
DuckDB's values are compared as the texts that it makes of them. pyarrow reads INT96 as
microseconds. fastparquet chooses between the dtypes `int32` and `Int32` by statistics, and the two
count as one. Schema, metadata and choices are read from the footers, and from the first data page
of each column of each row group. {comparisons}

To make the table again:

```
python -m benchmarks.writers.make FOLDER
{command}
```

PARQUET_TESTING is a folder with files of
[apache/parquet-testing](https://github.com/apache/parquet-testing) (Apache-2.0). Without `--also`
they are left out. The readers lie in the environments that `benchmarks.writers.make` has made.
"""
COMMAND = "python -m benchmarks.writers.table FOLDER --also PARQUET_TESTING"


def page(rows: Sequence[Row], versions: Mapping[str, str]) -> str:
    """Return the page, in Markdown."""
    counts = Counter("WRONG" if row.wrong else row.verdict for row in rows)
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    compared = [row for row in rows if row.compared]
    pairs = sum(len(versions) - len(row.without) for row in compared)
    parts = [
        HEAD.format(command=COMMAND, counts=f"{len(rows)} files: {told}."),
        _sentences(rows),
        TABLE,
        *_tables(rows, list(versions)),
        END.format(
            command=COMMAND,
            readers=", ".join(f"{name} {one}" for name, one in versions.items()),
            comparisons=f"Readers made {pairs} comparisons, of {len(compared)} files.",
        ),
    ]
    return "\n".join(parts)


def _sentences(rows: Sequence[Row]) -> str:
    """List the changes and the refusals, with the number of files."""
    lines = ["These are changed, and manifest.json says so under `changed`:", ""]
    changed = Counter(said for row in rows for said in row.said if row.verdict == CHANGED)
    lines += [f"- {what} ({number} files)" for what, number in changed.most_common()]
    refused = sum(row.verdict == REFUSED for row in rows)
    lines += ["", f"These are refused ({refused} files), and need `--output.lossy allow`:", ""]
    lines += [
        "- a column that pyarrow would write in another structure: it has repeated fields that are "
        "no LIST or MAP of three levels",
        "- a column that pyarrow cannot read, which is left out",
        "- a column that is encrypted, which is left out (none is in the table)",
        "",
    ]
    return "\n".join(lines)


def _tables(rows: Sequence[Row], readers: Sequence[str]) -> list[str]:
    """Return a table for each writer."""
    groups = dict.fromkeys(row.file.group for row in rows)
    return [
        "\n".join(_table(group, [row for row in rows if row.file.group == group], readers))
        for group in groups
    ]


def _table(group: str, rows: Sequence[Row], readers: Sequence[str]) -> list[str]:
    versions = {row.file.version for row in rows}
    title = f"{group} {versions.pop()}" if len(versions) == 1 else group
    by = "special" if any(row.file.special for row in rows) else "written by"
    lines = [f"### {title}", "", f"| file | {by} | verdict | also | read by |"]
    lines.append("| --- | --- | --- | --- | --- |")
    return [*lines, *(_line(row, readers) for row in rows), ""]


def _line(row: Row, readers: Sequence[str]) -> str:
    cells = [
        row.file.name,
        row.file.special.rstrip(".") or row.file.version,
        _verdict(row),
        "; ".join(row.notes),
        _read_by(row, readers),
    ]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _verdict(row: Row) -> str:
    found = _short(row.said)
    said = f"{row.verdict}: {'; '.join(found)}" if found else row.verdict
    return f"{said}. WRONG: {'; '.join(row.wrong)}" if row.wrong else said


def _short(said: Sequence[str]) -> list[str]:
    """Return the filter's sentences, with sentences about columns shortened."""
    left_out = [_column(one) for one in said if one.endswith(LEFT_OUT)]
    reshaped = [_column(one) for one in said if one.endswith(RESHAPED)]
    found = [f"{', '.join(left_out)} left out"] if left_out else []
    found += [f"{', '.join(reshaped)} in another structure"] if reshaped else []
    return found + [one for one in said if not one.endswith((LEFT_OUT, RESHAPED))]


def _column(said: str) -> str:
    """Return the name of the column at the beginning of a sentence of the filter."""
    return f"`{said.split(chr(39))[1]}`"


def _read_by(row: Row, readers: Sequence[str]) -> str:
    if not row.compared:
        return ""
    able = [name for name in readers if name not in row.without]
    return ALL if len(able) == len(readers) else ", ".join(able) or "none"
