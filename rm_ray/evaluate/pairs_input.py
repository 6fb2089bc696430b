"""The table of pairs as the scoring machinery reads a corpus."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from rm_ray.config import InputConfig
from rm_ray.corpus.parquet import Unreadable, open_parquet
from rm_ray.engines.heads import check_language_model
from rm_ray.engines.weights import Model
from rm_ray.errors import ConfigError, InputError, short
from rm_ray.evaluate.config import EvaluateConfig
from rm_ray.evaluate.pair_judge import PairJudge, pair_judge
from rm_ray.evaluate.pair_tokens import IDS, SPLIT, TEXTS, PairTokenizer
from rm_ray.judges.families import Builder
from rm_ray.judges.judge import DocumentTokenizer, Judge
from rm_ray.judges.keys import JudgeSection
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.tokens import judge_tokenizer, tokenizer_digest
from rm_ray.pairs.reading import PairsSource, open_pairs

# Where the document of a pair is, as the judged pairs call it: they say of themselves where they
# are in the table of pairs.
DOCUMENT = {"document_file": "source_file", "document_row": "row"}
# What jobs/pairs.py says of a pair.
SAID = ("extent", "context", "temperature", "seed", "chunk", SPLIT)


class PairsInput(InputConfig):
    """A table of pairs: `documents` are its three texts. `renamed`: copied under other names."""

    key: ClassVar = "pairs"

    renamed: dict[str, str] = Field({}, description="Columns to copy, by their new names.")

    @property
    def documents(self) -> dict[str, str]:
        """The columns of text, by which the table is known and measured."""
        return {f"pairs.{name}": name for name in TEXTS}

    @property
    def carried(self) -> dict[str, str]:
        """Columns that are copied to the output, as output name -> input name."""
        return super().carried | self.renamed


@dataclass(frozen=True)
class PairsTable:
    """What the pairs are: where they are, how they are read, and the judge's two halves.

    `split`: the one that is judged; None where all pairs are. `trained`: there are pairs to train
    with. `build`: makes the halves of the judge.
    """

    inputs: PairsInput
    split: str | None
    by_ids: bool
    trained: bool
    build: Builder


def look_at(config: EvaluateConfig) -> PairsTable:
    """See what columns a table of pairs has, from its first file.

    Raises:
        InputError: it is not there, cannot be read, or is no table of pairs.
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
    wanted = [figures.kind, figures.source, figures.document, config.calibration.by, *SAID]
    there = [name for name in wanted if name in schema.names]
    needed = [*pairs.keep, *filter(None, (figures.document, config.calibration.by))]
    free = (*TEXTS, *IDS, "id", *DOCUMENT.values())
    keep = [name for name in dict.fromkeys([*there, *needed]) if name and name not in free]
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
    """The halves of the judge of pairs.

    Raises:
        ConfigError: prompts are asked for that are tokens of a whole string.
        JudgeError: as of the preference judge.
        InputError: the pairs were made for another judge.
    """
    assert isinstance(asked, PreferenceConfig) and isinstance(inputs, PairsInput)
    if asked.prompt == "text":
        raise ConfigError(
            "judge.prompt is text, and pairs are shown by their exact ids; leave it out, or give "
            "--judge.prompt ids"
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
    return PairTokenizer(names, plain, split), judge
