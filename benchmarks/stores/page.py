"""The page docs/stores.md, made from the rows of its tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.stores.stores import Store

COMMAND = "python -m benchmarks.stores"
HEAD = """\
# What object stores do

Made by `{command}`, and not by hand. Each store ran on one machine, with its
defaults, and was asked by plain clients: boto3 for S3, gcsfs for `gs://`, adlfs for `az://`.
Nothing in the tables is assumed. A large installation of a store may differ: several servers, other
settings, another version. To know what your own store does, start a run: rm_ray probes the store
first, and the last table shows what it finds.

rm_ray needs little of a store. A part is one object, it is written once, and nobody changes it
afterwards. The tables show where stores differ in what rm_ray uses.
"""
WRITES = """\
## Writing once

rm_ray writes parts and its lease with one PUT each, on the condition that there is no object of
that name (`If-None-Match: *`; a generation of 0 in `gs://`). It never completes a multipart upload.

- *PUT*: the answer to such a PUT where an object is there already, and whether that object was kept
  or overwritten. A store that overwrites is safe for parts, whose bytes follow from their names. It
  is not safe for the lease: two runs that are started at the same moment may both begin.
- *8 PUTs*: how many of 8 writers at once were told that they had created a new object, in {rounds}
  rounds. It should be 1.
- *Completion*, *8 completions*: the same for multipart uploads that are completed on that
  condition. Other programs that commit by this way can lose data where there are several winners.
- *Batch delete*: whether one request removes several objects. rm_ray removes objects one by one.
"""
LISTINGS = """\
## Listings

rm_ray lists its output folder to learn which parts are there, and the corpus to learn which files.

- *Zero-byte key*: how a key with a slash at its end is listed, from above and from inside. Consoles
  make such keys for folders without files.
- *rm_ray, such a folder*: whether a run may begin in a folder that holds its own key and no more.
- *Emptied folder*: whether a folder is listed after its last object has gone.
- *rm_ray, an emptied folder*: whether a run may begin in it.
- *Seen by a second process*: when another process, which had listed the folder before, lists what
  was written then. Three ways to list: fsspec without its cache of listings, rm_ray, and fsspec
  with its defaults.
- *Version*: what a listing says that differed after other bytes of the same size were written over
  an object at once. rm_ray takes the ETag, and else the time, to know whether a file has changed.
- *rm_ray, versions*: whether rm_ray told the two apart, and whether it saw the same version in a
  listing and when it asked for the file itself.
"""
SAYS = """\
## What rm_ray says

This is what the probe of an output folder found out, and what rm_ray logged at it.
"""
END = """\
To make the page again:

```
{command}
```

The script installs the stores of PyPI and npm into temporary environments. The stores of Debian are
measured where they are installed; `--help` names the commands that install them.
"""
COLUMNS = {
    WRITES: {
        "PUT": "put",
        "8 PUTs": "put_race",
        "completion": "completion",
        "8 completions": "completion_race",
        "batch delete": "batch",
    },
    LISTINGS: {
        "zero-byte key": "marker",
        "rm_ray, such a folder": "marker_rm_ray",
        "emptied folder": "gone",
        "rm_ray, an emptied folder": "gone_rm_ray",
        "seen by a second process: fsspec / rm_ray / fsspec's defaults": "late",
        "version": "version",
        "rm_ray, versions": "version_rm_ray",
    },
    SAYS: {"rm_ray": "says"},
}


@dataclass(frozen=True)
class Row:
    """A store with its measurements, or with the reason for having none."""

    store: Store
    """The store."""
    version: str = ""
    """The measured version."""
    found: Mapping[str, str] = field(default_factory=dict)
    """Results by name of the behaviour."""
    why: str = ""
    """Why the store was not measured; empty if it was."""


def page(rows: Sequence[Row], rounds: int) -> str:
    """Return the page, in Markdown."""
    measured = [row for row in rows if not row.why]
    parts = [HEAD.format(command=COMMAND)]
    for text, columns in COLUMNS.items():
        parts += [text.format(rounds=rounds), *_table(measured, columns), ""]
    if left := [row for row in rows if row.why]:
        parts += ["## Not measured", ""]
        parts += [f"- {row.store.name}: {_cell(row.why)}" for row in left]
        parts.append("")
    return "\n".join([*parts, END.format(command=COMMAND)])


def _table(rows: Sequence[Row], columns: Mapping[str, str]) -> list[str]:
    lines = [f"| store | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for row in rows:
        cells = [f"{row.store.name} {row.version} ({row.store.source.kind_in_words})"]
        cells += [_cell(row.found.get(name, "no such thing")) for name in columns.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
