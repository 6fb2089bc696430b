"""The table of pairs as a corpus of the scoring job."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from rm_ray.config import InputConfig
from rm_ray.corpus.columns import is_text
from rm_ray.corpus.parquet import Unreadable, open_parquet
from rm_ray.engines.heads import check_language_model
from rm_ray.engines.weights import Model
from rm_ray.errors import ConfigError, InputError, short
from rm_ray.evaluate.config import EvaluateConfig, FiguresConfig
from rm_ray.evaluate.pair_judge import PairJudge, pair_judge
from rm_ray.evaluate.pair_tokens import IDS, SPLIT, TEXTS, LabelledPairTokenizer
from rm_ray.judges.families import Builder
from rm_ray.judges.judge import DocumentTokenizer, Judge
from rm_ray.judges.keys import JudgeSection
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.tokens import judge_tokenizer, tokenizer_digest
from rm_ray.pairs.reading import PairsSource, open_pairs

log = logging.getLogger(__name__)

# New names for the columns of a pair's document. The judged pairs use the old names for the place
# of the pair in the table of pairs.
DOCUMENT = {"document_file": "source_file", "document_row": "row"}
# Columns of a pair that jobs/pairs.py writes, and whether a type is right. Tables of others may
# have columns of these names that hold something else.
SAID: dict[str, Callable[[pa.DataType], bool]] = {
    "extent": is_text,
    "context": is_text,
    "temperature": lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind),
    "seed": pa.types.is_integer,
    "chunk": pa.types.is_integer,
    SPLIT: lambda _: True,
}


class PairsInput(InputConfig):
    """A table of pairs; its `documents` are the three texts of a pair."""

    key: ClassVar = "pairs"

    renamed: dict[str, str] = Field({})
    """Columns to copy under a new name, as new name -> name in the table."""

    @property
    def documents(self) -> dict[str, str]:
        """Return the columns of text; the table is checked and measured by them."""
        return {f"pairs.{name}": name for name in TEXTS}

    @property
    def carried(self) -> dict[str, str]:
        """Return the columns that are copied to the output, as output name -> input name."""
        return super().carried | self.renamed


@dataclass(frozen=True)
class PairsTable:
    """A PairsTable says how a table of pairs is read and judged."""

    inputs: PairsInput
    """The section `input` for the scoring job."""
    split: str | None
    """The split to judge; None for all pairs."""
    by_ids: bool
    """True if the table has token ids; they are used in place of the texts."""
    trained: bool
    """True if the table has a column `split`, so that it may hold pairs of the training split."""
    build: Builder
    """Makes the tokenizer and the judge."""


def _fits(schema: pa.Schema, name: str) -> bool:
    """Return True if a column has the type of a column of jobs/pairs.py, or one value in each
    row.
    """
    kind = schema.field(name).type
    return SAID[name](kind) if name in SAID else not pa.types.is_nested(kind)


def _check_groups(figures: FiguresConfig, schema: pa.Schema, file: str) -> None:
    """Refuse a column of kinds or of sources, if it is not the default, whose values are lists or
    structs.

    Raises:
        ConfigError: there is one.
    """
    for key in ("kind", "source"):
        name = getattr(figures, key)
        if name == type(figures).model_fields[key].default or name not in schema.names:
            continue
        if not _fits(schema, name):
            raise ConfigError(
                f"figures.{key}: the column {name!r} of {file} is {schema.field(name).type}; give "
                "a column with one value in each row"
            )


def look_at(config: EvaluateConfig) -> PairsTable:
    """Look at the columns of a table of pairs, in its first file.

    Raises:
        InputError: the table is missing, cannot be read, or is no table of pairs.
    """
    pairs, figures = config.pairs, config.figures
    source = open_pairs(pairs.paths, pairs.storage, None)
    schema = _schema(source, config)
    if lacking := [name for name in TEXTS if name not in schema.names]:
        raise InputError(
            f"pairs.path: {source.files[0].path} has no column {lacking[0]!r}; a table of pairs "
            f"has {', '.join(TEXTS)}, and this one has {', '.join(schema.names) or 'none'}"
        )
    by_ids = all(name in schema.names for name in IDS)
    has_split = SPLIT in schema.names
    optional = [figures.kind, figures.source, figures.document, config.calibration.by, *SAID]
    _check_groups(figures, schema, source.files[0].path)
    present = [name for name in optional if name and name in schema.names and _fits(schema, name)]
    for name in SAID:
        if name in schema.names and name not in present:
            log.warning(
                "the column %s of the pairs is %s, and is not taken for what jobs/pairs.py writes",
                name,
                schema.field(name).type,
            )
    needed = [*pairs.keep, *filter(None, (figures.document, config.calibration.by))]
    free = (*TEXTS, *IDS, "id", *DOCUMENT.values())
    keep = [name for name in dict.fromkeys([*present, *needed]) if name and name not in free]
    inputs = PairsInput(
        path=pairs.paths,
        storage=pairs.storage,
        id="id" if "id" in schema.names else None,
        keep=keep,
        renamed={new: old for new, old in DOCUMENT.items() if old in schema.names},
    )
    split = pairs.split if has_split and pairs.split != "all" else None
    build = partial(_build, names=IDS if by_ids else TEXTS, split=split)
    return PairsTable(inputs, split, by_ids, has_split, build)


def _schema(source: PairsSource, config: EvaluateConfig) -> pa.Schema:
    first = source.files[0].path
    try:
        with open_parquet(first, config.pairs.storage) as parquet:
            return parquet.schema_arrow
    except (OSError, Unreadable, pa.ArrowException) as error:
        raise InputError(f"pairs.path: cannot read {first}: {short(error)}") from None


def _build(
    asked: JudgeSection,
    inputs: InputConfig,
    model: Model,
    *,
    names: tuple[str, str, str],
    split: str | None,
) -> tuple[DocumentTokenizer, Judge]:
    """Build the tokenizer and the judge of pairs.

    Raises:
        ConfigError: `judge.prompt` is text.
        JudgeError: as for the preference judge.
        InputError: the pairs were made for another judge.
    """
    assert isinstance(asked, PreferenceConfig) and isinstance(inputs, PairsInput)
    if asked.prompt == "text":
        raise ConfigError(
            "judge.prompt is text, but pairs are judged by their exact token ids; leave it out, or "
            "give --judge.prompt ids"
        )
    check_language_model(model, asked.family)
    files = judge_tokenizer(asked, model)
    plain = plain_tokenizer(files.json)
    judge: PairJudge = pair_judge(PreferenceJudge.of(asked, files))
    facts: Mapping[str, Any] = {
        "judge.chunk_tokens": asked.chunk_tokens,
        "tokenizer": tokenizer_digest(plain),
    }
    open_pairs(inputs.paths, inputs.storage, facts)
    return LabelledPairTokenizer(names, plain, split), judge
