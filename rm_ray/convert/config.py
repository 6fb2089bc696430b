"""The configuration of the conversion: each key, its type, default and meaning."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from rm_ray.addresses import lance_of
from rm_ray.config import (
    TYPED,
    CorpusConfig,
    NonEmpty,
    NotifyConfig,
    OutputConfig,
    RunConfig,
    Section,
)

# Keys that say something of one kind of input only.
OF_LINES = (
    *("input.on_bad_file", "input.max_line_mb", "types.conflicts", "types.extra"),
    *("output.line", "output.extra", "run.max_rejected_fraction"),
)
OF_LANCE = ("output.row_address",)


class LinesConfig(CorpusConfig):
    """The JSON Lines files to convert, or the Lance dataset."""

    key: ClassVar = "input"
    """Name of the section, for messages."""

    path: NonEmpty | list[NonEmpty] = Field(json_schema_extra=TYPED)
    """File, folder or glob of JSON Lines files, plain or compressed (gzip, zstd, bzip2, xz), or a
    list of them; local, or in a store (s3://, gs://, abfs://, hf://, https://). lance:FOLDER for a
    Lance dataset."""
    snapshot: int | None = Field(None, ge=1)
    """Version of the Lance dataset; null for the newest."""
    on_bad_file: Literal["fail", "skip"] = "fail"
    """A file that is no JSON Lines file: fail (refuse the run), or skip (convert the other files,
    and name the skipped ones)."""
    max_line_mb: float = Field(256, gt=0, le=1024)
    """Longest line in MiB, decoded; a longer line is rejected. Memory grows with the longest
    line."""

    @model_validator(mode="after")
    def _snapshot_of_a_dataset(self) -> Self:
        if self.snapshot is not None and not any(map(lance_of, self.paths)):
            raise ValueError(
                "snapshot names a version of a Lance dataset, and path names none; give lance:... "
                "as path, or leave snapshot out"
            )
        return self


class TypesConfig(Section):
    """The types of the columns."""

    conflicts: Literal["json", "refuse"] = Field("json", json_schema_extra=TYPED)
    """A field whose sampled values have no common type: json (the column holds the JSON text of
    each value), or refuse (refuse the run, and name the fields)."""
    extra: Literal["json", "reject"] = Field("json", json_schema_extra=TYPED)
    """A field that the sample did not have, or a value that does not fit its column: json (its JSON
    text stands in the column of --output.extra), or reject (the line is rejected)."""


class LinesOutputConfig(OutputConfig):
    """The run's folder, and the files that are written there."""

    source_file: NonEmpty | None = "source_file"
    """Name of the column with the path of a line's file, or of the Lance dataset; null for none."""
    line: NonEmpty | None = "line"
    """Name of the column with the number of the line in its decoded file, from 1; null for none."""
    row_address: NonEmpty | None = "row_address"
    """Name of the column with the address of a row in its Lance dataset; null for none."""
    extra: NonEmpty = "extra"
    """Name of the column with the JSON text of what the other columns do not hold."""
    file_mb: float = Field(128, gt=0)
    """About how large files are at most, in MiB. A file is held in memory until it is written."""
    row_group_mb: float = Field(64, gt=0, le=1024)
    """About how large row groups are, in MiB before compression."""
    codec: Literal["uncompressed", "snappy", "zstd", "gzip", "lz4", "brotli"] = "zstd"
    """Compression."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [name for name in (self.source_file, self.line, self.extra) if name is not None]
        if len(set(names)) < len(names):
            raise ValueError("source_file, line and extra need three different names")
        if self.row_address is not None and self.row_address == self.source_file:
            raise ValueError("source_file and row_address need different names")
        return self


class ShardMbConfig(Section):
    """The cuts of new input files. Files planned earlier keep their cuts."""

    mb: float = Field(256, gt=0)
    """A file that is not compressed is cut at line ends into shards of about so many MiB. A zstd
    file of several frames is cut between frames, into as many unpacked MiB. Any other compressed
    file is one shard. A fragment of a Lance dataset is cut between rows."""


class ConvertTasksConfig(Section):
    """The CPU tasks that convert."""

    cpus: float = Field(1, gt=0)
    """CPUs reserved for one task."""
    max_tasks: int | None = Field(None, ge=1)
    """Most tasks that convert at once; null: as many as there is room for."""


class ConvertRunConfig(RunConfig):
    """The run as a whole."""

    max_rejected_fraction: float = Field(0.0, ge=0, le=1)
    """Largest fraction of rejected lines with which the exit status is still 0."""


class ConvertConfig(Section):
    """The whole configuration of the conversion."""

    input: LinesConfig
    """The JSON Lines files to convert, or the Lance dataset."""
    types: TypesConfig = TypesConfig()
    """The types of the columns."""
    output: LinesOutputConfig
    """The run's folder, and the files that are written there."""
    shard: ShardMbConfig = ShardMbConfig()
    """The cuts of new input files."""
    tasks: ConvertTasksConfig = ConvertTasksConfig()
    """The CPU tasks that convert."""
    run: ConvertRunConfig = ConvertRunConfig()
    """The run as a whole."""
    notify: NotifyConfig = NotifyConfig()
    """Whom to tell that the job has ended."""

    @model_validator(mode="after")
    def _keys_of_this_input(self) -> Self:
        is_lance = any(map(lance_of, self.input.paths))
        of, named = ("JSON Lines", "a Lance dataset") if is_lance else ("Lance datasets", "none")
        for path in OF_LINES if is_lance else OF_LANCE:
            section, key = path.split(".")
            values = getattr(self, section)
            if getattr(values, key) != type(values).model_fields[key].default:
                raise ValueError(
                    f"{path} is a key of {of}, and input.path names {named}: leave it out"
                )
        return self
