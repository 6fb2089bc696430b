"""Verdicts: the result of filtering each file, and whether the filter had announced it."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.writers.compare import compare
from benchmarks.writers.look import File, Looked, look
from benchmarks.writers.readers import Reader, Task
from benchmarks.writers.run import REFUSED, Corpus, JobError, is_kept
from benchmarks.writers.stored import Stored

ALLOW = ("--output.lossy", "allow")
# Copies that a reader misreads by its own fault: the file and the reader, with the evidence.
READER_FAULTS = {
    ("fastparquet-lz4", "fastparquet"): "findings/fastparquet_categories_of_the_last_row_group.sh",
    ("datapage_v2.snappy", "fastparquet"): "lists in data pages of version 2, of pyarrow's too",
}


@dataclass
class Row:
    """A row of the table."""

    file: File
    """The file."""
    verdict: str
    """One word: kept, changed, refused, not readable, or no rows."""
    said: list[str] = field(default_factory=list)
    """The filter's sentences about the file."""
    notes: list[str] = field(default_factory=list)
    """Differences that are no fault."""
    wrong: list[str] = field(default_factory=list)
    """Differences that the filter did not announce."""
    compared: bool = False
    """True if readers have compared the file with its copy."""
    without: dict[str, str] = field(default_factory=dict)
    """Readers that cannot read the source, and why."""


def judge_all(files: Sequence[File], readers: Sequence[Reader], folder: Path) -> list[Row]:
    """Run the filter over files, and compare its output with them.

    Raises:
        JobError: the filter job ended in an unexpected way.
    """
    looked = {file.name: look(file) for file in files}
    rows = {file.name: Row(file, "not readable") for file in files}
    good: list[Looked] = []
    for name, one in looked.items():
        if isinstance(one, str):
            rows[name].said = [one]
            continue
        rows[name].verdict, rows[name].said = _verdict(one)
        good.append(one)
    whole = [one for one in good if not one.keeping.lost]
    lossy = [one for one in good if one.keeping.lost and one.columns]
    if whole:
        _filter(Corpus.make(folder / "whole", whole), whole, rows, readers)
    if lossy:
        corpus = Corpus.make(folder / "lossy", lossy)
        _check_refused(corpus, lossy)
        _filter(corpus, lossy, rows, readers, *ALLOW)
    for one in good:
        if not one.columns:
            rows[one.file.name].wrong += _without_columns(one, folder / f"none-{one.file.name}")
    return list(rows.values())


def _verdict(one: Looked) -> tuple[str, list[str]]:
    if one.keeping.lost:
        return "refused", [*one.keeping.lost, *one.keeping.changed]
    if not one.rows:
        return "no rows", []
    return ("changed" if one.keeping.changed else "kept"), list(one.keeping.changed)


def _check_refused(corpus: Corpus, files: Sequence[Looked]) -> None:
    """Check that the job refuses the files, and writes nothing."""
    status, log = corpus.run("refused")
    if status != REFUSED or (corpus.folder / "refused").exists():
        raise JobError(f"the filter was to refuse files, and ended with {status}:\n{log[-2000:]}")
    if files[0].keeping.lost[0] not in log:
        raise JobError(f"the filter does not name what it refuses:\n{log[-2000:]}")


def _without_columns(one: Looked, folder: Path) -> list[str]:
    """Run the job over a file without any column left: the job may filter or refuse it."""
    status, _ = Corpus.make(folder, [one]).run("out", *ALLOW)
    if status in (0, REFUSED):
        return []
    return [f"no column is left, and the job fails with exit status {status}"]


def _filter(
    corpus: Corpus, files: Sequence[Looked], rows: dict[str, Row], readers: Sequence[Reader],
    *words: str,
) -> None:  # fmt: skip
    """Run the job over files, and add to each row how the output differs."""
    status, log = corpus.run("out", *words)
    if status:
        raise JobError(f"the filter ended with {status}:\n{log[-3000:]}")
    _check_manifest(corpus.folder / "out" / "manifest.json", files)
    tasks = []
    for one in files:
        name = one.file.name
        if not one.rows:
            continue
        written = corpus.written("out", name)
        if not written:
            rows[name].wrong.append("nothing is written")
            continue
        _compare(one, written, rows[name])
        rows[name].compared = True
        tasks.append(_task(one, written, corpus.folder / "copies"))
    for reader in readers:
        for name, answer in reader.ask(tasks).items():
            if not answer.reads:
                rows[name].without[reader.name] = answer.said
                continue
            if answer.reshaped:
                rows[name].notes.append(f"{reader.name} reads other values in {answer.reshaped}")
            if answer.said and (shown := READER_FAULTS.get((name, reader.name))):
                rows[name].notes.append(
                    f"{reader.name} misreads the copy by its own fault: {shown}"
                )
            elif answer.said:
                rows[name].wrong.append(f"{reader.name}: {answer.said}")


def _check_manifest(path: Path, files: Sequence[Looked]) -> None:
    """Check that the manifest counts the files by the plans of planning."""
    manifest = json.loads(path.read_text())
    for key in ("changed", "lost"):
        wanted = Counter(what for one in files for what in getattr(one.keeping, key))
        if (found := {one["what"]: one["files"] for one in manifest[key]}) != wanted:
            raise JobError(f"manifest.json says {found} under {key}, in place of {dict(wanted)}")


def _compare(one: Looked, written: Sequence[Path], row: Row) -> None:
    copies = [Stored.read(path) for path in written]
    found = compare(Stored.read(one.file.path), copies, one.excused)
    row.wrong += found.wrong
    row.notes += found.notes
    wanted = sum(is_kept(one.file.name, number) for number in range(one.rows))
    if (rows := sum(copy.rows for copy in copies)) != wanted:
        row.wrong.append(f"{rows} rows are written in place of {wanted}")


def _task(one: Looked, written: Sequence[Path], folder: Path) -> Task:
    """Return a task for readers. Copies move out of their hive folders, because some readers
    use folder names.
    """
    folder.mkdir(exist_ok=True)
    name = one.file.name
    copies = [
        str(shutil.copy(path, folder / f"{name}-{number}.parquet"))
        for number, path in enumerate(written)
    ]
    return Task(
        name=name,
        source=str(one.file.path),
        copies=copies,
        rows=[row for row in range(one.rows) if is_kept(name, row)],
        dropped=list(one.excused.dropped),
        reshaped=list(one.excused.reshaped),
    )
