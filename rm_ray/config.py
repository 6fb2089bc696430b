"""Defines the sections of configuration that jobs share: each key, its type, default and meaning.

Knows nothing of files, Ray or models. The checks here use only the values themselves.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict

from rm_ray.addresses import HOLDS_CREDENTIALS, check_address, refuse_credentials, table_of
from rm_ray.errors import redacted

# A decimal number as people write it; its digits may be in groups.
_NUMBER = re.compile(
    r"[-+]?(?:0|[1-9][0-9_]*|(?=\.))(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|[-+]?(?:inf|nan)"
)
# The mark of a key that people type often: the help of a job shows it on its first page.
TYPED: JsonDict = {"typed": True}

NonEmpty = Annotated[str, StringConstraints(min_length=1)]

# Columns of every output. Kept columns follow the id; the judge's own columns follow all of these.
OUTPUT_COLUMNS = ("id", "source_file", "row", "reward", "n_tokens", "status", "error")


class Section(BaseModel):
    """A Section is a group of keys. Unknown keys are refused, and values never change later."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_written_as_such(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse texts that are no decimal numbers: Pydantic reads `0-1` as -1, and `010` as 10."""
        field = cls.model_fields[info.field_name or ""]
        if _kinds(field.annotation) <= {int, float, type(None)}:
            for text in _texts(value):
                if not _NUMBER.fullmatch(text):
                    raise ValueError(f"{text!r} is not a number, or not written as one")
        return value


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that a field's values may have, in its lists and unions too."""
    inner = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _kinds(inner[0])
    return {kind for part in inner for kind in _kinds(part)} if inner else {annotation}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


class StorageConfig(Section):
    """Access to an object store. Credentials come from the environment or an AWS profile of the
    machine that asks, never from the configuration.
    """

    endpoint_url: str | None = None
    """S3 endpoint, for stores other than AWS (or set AWS_ENDPOINT_URL)."""
    region: str | None = None
    """S3 region."""
    anonymous: bool = False
    """Read public buckets without credentials."""
    profile: NonEmpty | None = None
    """Profile of the machines' AWS configuration that has the credentials."""
    environment_prefix: NonEmpty | None = None
    """Prefix of the environment variables with the credentials: it comes before
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. For stores that have
    credentials of their own."""
    timeout_s: float = Field(30, gt=0)
    """Seconds without an answer after which an S3 request is tried again."""
    patience_s: float = Field(900, ge=0)
    """Seconds for which the write of finished rows is tried again while the store is away; nothing
    new begins meanwhile. Everything else is tried for a minute."""

    @model_validator(mode="after")
    def _says_who_once_and_no_secret(self) -> Self:
        if self.endpoint_url and redacted(self.endpoint_url) != self.endpoint_url:
            raise ValueError(f"endpoint_url {HOLDS_CREDENTIALS}")
        ways = {
            "anonymous": self.anonymous,
            "profile": self.profile,
            "environment_prefix": self.environment_prefix,
        }
        if len(named := [name for name, value in ways.items() if value]) > 1:
            raise ValueError(f"{' and '.join(named)} exclude each other; give one of them")
        return self


class CorpusConfig(Section):
    """A corpus of Parquet files."""

    key: ClassVar = "corpus"
    """Name of the section, for messages."""

    path: NonEmpty | list[NonEmpty] = Field(json_schema_extra=TYPED)
    """File, folder or glob of Parquet files, or a list of them; local, or in a store (s3://, gs://,
    abfs://, hf://, https://). delta:FOLDER, iceberg:FOLDER: tables (not in select and nightly)."""
    storage: StorageConfig = StorageConfig()
    """How its store is reached."""

    @property
    def paths(self) -> list[str]:
        """Return the paths as a list, also if there is only one."""
        paths: list[str] = as_list(self.path)
        return paths

    @model_validator(mode="after")
    def _no_credentials(self) -> Self:
        for path in self.paths:
            refuse_credentials(path)
            _, address = table_of(path) or ("", path)
            if not address:
                raise ValueError(f"path is {path}: give the address of the table after the colon")
            check_address(address)
        return self


class RowsTableConfig(Section):
    """A table that names rows, and its columns."""

    file: NonEmpty = "source_file"
    """Column with the path of a row's file, as an output has it."""
    row: NonEmpty = "row"
    """Column with the row's number in its file, from 0."""
    first_chunk: NonEmpty = "first_chunk"
    """Column with the first chunk to judge, if the table has it: a judge of chunks judges only this
    chunk of the document and later ones."""
    storage: StorageConfig = StorageConfig()
    """How the table's store is reached."""


class InputConfig(CorpusConfig):
    """The corpus to score."""

    # a document is one of these kinds; the kind that was named last counts
    alternatives: ClassVar = (("text",), ("prompt", "completion"), ("messages",))
    """Groups of keys; a configuration uses one group."""
    key: ClassVar = "input"
    """Name of the section, for messages."""

    snapshot: int | None = None
    """Version of a Delta table, or id of an Iceberg snapshot; null for the newest."""
    on_rewritten: Literal["refuse", "score"] = "refuse"
    """Planned files that the table no longer has, since it was compacted or rows were deleted:
    refuse, or score (remove their rows from the output, and score the new files whole)."""
    text: NonEmpty | None = Field("text", json_schema_extra=TYPED)
    """Column of documents that are plain text; doc.text for a field of a struct."""
    prompt: NonEmpty | None = None
    """Column of prompts, if a document is a prompt and a completion."""
    completion: NonEmpty | None = None
    """Column of completions, beside --input.prompt."""
    messages: NonEmpty | None = Field(None, json_schema_extra=TYPED)
    """Column of chats, if a document is a chat: lists of role and content, or JSON of these
    lists."""
    tools: NonEmpty | None = None
    """Column with the definitions of the tools that a chat's assistant may call: lists of structs,
    or JSON; beside --input.messages."""
    id: NonEmpty | None = Field("id", json_schema_extra=TYPED)
    """Column that names a document, copied as given; null for none."""
    keep: list[NonEmpty] = Field([], json_schema_extra=TYPED)
    """Further columns to copy to the output (hive partition columns too)."""
    missing_columns: Literal["fail", "null"] = "fail"
    """A file without a column of --input.keep or the id: fail (refuse it), or null (its rows have
    null in that column). A file without the column of documents is always refused."""
    limit: int | None = Field(None, ge=1, json_schema_extra=TYPED)
    """Look at the first N rows of the corpus only; may grow in the same folder."""
    sample_fraction: float = Field(1.0, gt=0, le=1)
    """Score this fraction of the rows, chosen by a seeded hash."""
    sample_seed: int = 0
    """Seed of the choice of --input.sample_fraction."""
    sample_skip: float = Field(0.0, ge=0, lt=1)
    """Leave out the rows that this --input.sample_fraction would choose: 0.1 and
    --input.sample_fraction 0.3 score the second and third tenth of the rows."""
    rows: NonEmpty | None = None
    """Score only the rows that a table names: a Parquet file, folder or glob, such as some rows of
    an output."""
    rows_table: RowsTableConfig = RowsTableConfig()
    """The columns of the table, and its store."""
    on_bad_file: Literal["fail", "skip"] = "fail"
    """A file that is not readable Parquet: fail (refuse the run, or end it as not complete), or
    skip (score the other files, and name the skipped ones)."""

    @field_validator("missing_columns", mode="before")
    @classmethod
    def _null_is_a_word(cls, value: Any) -> Any:
        return "null" if value is None else value  # YAML reads the word null as no value

    @model_validator(mode="before")
    @classmethod
    def _text_gives_way(cls, data: Any) -> Any:
        if isinstance(data, dict) and "text" not in data:
            other = any(data.get(name) for name in ("prompt", "completion", "messages"))
            return {**data, "text": None} if other else data
        return data

    @model_validator(mode="after")
    def _one_kind_of_document(self) -> Self:
        kinds = [
            [f"input.{name}" for name in group if getattr(self, name)]
            for group in self.alternatives
        ]
        named = [" and ".join(kind) for kind in kinds if kind]
        if len(named) != 1:
            raise ValueError(
                f"a document is a text, a prompt and a completion, or messages; given: "
                f"{', '.join(named) or 'none of them'}"
            )
        if bool(self.prompt) != bool(self.completion):
            other = "completion" if self.prompt else "prompt"
            raise ValueError(
                f"{named[0]} is given without its other half; name that column with --input.{other}"
            )
        if self.tools and not self.messages:
            raise ValueError(
                f"input.tools is {self.tools}, and tools stand beside chats; name the column of "
                "chats with --input.messages, or leave input.tools out"
            )
        return self

    @model_validator(mode="after")
    def _snapshot_of_a_table(self) -> Self:
        if self.snapshot is not None and not any(map(table_of, self.paths)):
            raise ValueError(
                "snapshot names a version of a table, and path names none; give delta:... or "
                "iceberg:... as path, or leave snapshot out"
            )
        return self

    @model_validator(mode="after")
    def _one_choice_of_rows(self) -> Self:
        if self.sample_skip >= self.sample_fraction:
            raise ValueError(
                f"sample_skip ({self.sample_skip:g}) leaves nothing of sample_fraction "
                f"({self.sample_fraction:g}); give a smaller one"
            )
        if self.rows and (self.sample_fraction < 1 or self.sample_skip or self.limit):
            raise ValueError(
                "rows names the rows to score; leave out sample_fraction, sample_skip and limit"
            )
        if self.rows:
            refuse_credentials(self.rows, "rows")
            check_address(self.rows)
        return self

    def whole(self) -> "InputConfig":
        """Return the same corpus with all its rows, and without carried columns."""
        everything = {"sample_fraction": 1.0, "sample_skip": 0.0, "rows": None}
        return self.model_copy(update={**everything, "id": None, "keep": []})

    @property
    def documents(self) -> dict[str, str]:
        """Return the columns that documents are read from, by key."""
        names = ("text", "prompt", "completion", "messages", "tools")
        return {f"input.{name}": value for name in names if (value := getattr(self, name))}

    @property
    def carried(self) -> dict[str, str]:
        """Return the columns that are copied to the output, as output name -> input name."""
        named = {"id": self.id} if self.id else {}
        return named | {name: name for name in self.keep}

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        taken = {name.casefold(): "" for name in OUTPUT_COLUMNS}  # DuckDB sees no case
        for name in self.keep:
            if taken.setdefault(name.casefold(), name) != name or name.startswith("_"):
                raise ValueError(
                    f"keep: the column {name!r} would collide with another of the output, in any "
                    f"case ({', '.join(OUTPUT_COLUMNS)}; names beginning with _ are reserved)"
                )
        return self


class OutputConfig(Section):
    """The run's folder."""

    path: NonEmpty = Field(json_schema_extra=TYPED)
    """Folder of this run; the same folder resumes it."""
    storage: StorageConfig = StorageConfig()
    """How the output store is reached."""

    @model_validator(mode="after")
    def _no_credentials(self) -> Self:
        refuse_credentials(self.path)
        check_address(self.path, written=True)
        return self


class PoolConfig(Section):
    """The judge actors: one engine each."""

    min_actors: int = Field(1, ge=1)
    """Actors the run starts with."""
    max_actors: int = Field(1, ge=1, json_schema_extra=TYPED)
    """Actors the run may grow to."""
    gpus: float = Field(1, ge=0, json_schema_extra=TYPED)
    """GPUs of one engine: 1; 2 and more split the model over as many GPUs of one machine (tensor
    parallel); a fraction puts several engines on a GPU, each with its share of the memory; 0:
    engines run on CPU."""
    cpus: float = Field(1, ge=0.1)
    """CPUs of one actor; they limit how many actors fit on a machine. Reading and writing share
    them."""
    wait_s: float = Field(1800, ge=0)
    """Seconds to wait for machines to join a cluster that this job has joined; a cluster that the
    job starts itself cannot grow."""

    @model_validator(mode="after")
    def _whole_or_a_part_of_one(self) -> Self:
        if self.gpus > 1 and self.gpus % 1:
            raise ValueError(
                f"gpus is {self.gpus:g}; an engine has whole GPUs (1, 2, ...), a part of one (0.5) "
                "or none (0)"
            )
        return self

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_actors > self.max_actors:
            raise ValueError(
                f"min_actors ({self.min_actors}) is more than max_actors ({self.max_actors})"
            )
        return self


class CostConfig(Section):
    """The price of the machines, for the money in progress lines, metrics and estimates."""

    per_gpu_hour: float | None = Field(None, ge=0)
    """Dollars for an hour of one GPU, its share of the machine included; for an hour of one engine
    if engines run on CPU."""


class ReadConfig(Section):
    """The CPU tasks that read and tokenize."""

    max_tasks: int | None = Field(None, ge=1)
    """Most reading tasks at once; null: as many as engines, at least 2."""


class ShardConfig(Section):
    """The cuts of new input files. Files planned earlier keep their cuts."""

    tokens: int = Field(8_000_000, ge=1)
    """Most tokens of one shard, estimated from a sample; fewer if the actors would get less than
    eight shards each, or together less than 1,000 without a GPU, but not below 100,000."""
    rows: int = Field(100_000, ge=1)
    """Most rows of one shard."""


class NotifyConfig(Section):
    """Whom to tell that the job has ended, whatever its exit status. Nobody is told by a driver
    that is killed, nor by a dry run.
    """

    command: NonEmpty | None = None
    """Command for the shell. Its environment has RM_RAY_JOB, RM_RAY_EXIT_STATUS, RM_RAY_ENDING (in
    words), RM_RAY_OUTPUT, RM_RAY_SUMMARY (path of a file) and RM_RAY_SECONDS."""
    webhook: NonEmpty | None = None
    """Name of the environment variable that holds an address; the same values are sent there by
    POST, as JSON. The address itself is never stored: many of them hold a secret."""

    @model_validator(mode="after")
    def _webhook_is_the_name_of_a_variable(self) -> Self:
        # not a validator of the field, whose refusal would show the value
        if self.webhook and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.webhook):
            raise ValueError(
                "webhook is the name of an environment variable that holds the address, which may "
                "be a secret, and not the address: WEBHOOK=https://... --notify.webhook WEBHOOK"
            )
        return self


class RunConfig(Section):
    """The run as a whole."""

    progress_s: float = Field(10, gt=0)
    """Seconds between progress lines."""


def as_list(value: Any) -> Any:
    """Return a list of the one text; return any other value unchanged."""
    return [value] if isinstance(value, str) else value
