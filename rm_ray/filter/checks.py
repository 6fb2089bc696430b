"""What a filter is refused for, before it counts or writes anything."""

import json
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from rm_ray.config import CorpusConfig, StorageConfig
from rm_ray.corpus.files import InputFile, then_and_now
from rm_ray.errors import ConfigError, InputError, OutputError
from rm_ray.filter.columns import Formula
from rm_ray.filter.config import FilterConfig, RuleConfig
from rm_ray.filter.notes import Notes
from rm_ray.filter.stretches import Parts
from rm_ray.run.scored import ScoredPart, ScoredRun, schema_of

# Columns of `output.kind: ids`.
IDS = ("id", "source_file", "row", "reward")


def corpus_of(config: FilterConfig, run: ScoredRun) -> CorpusConfig:
    """Where the corpus is: as the filter is told, or as the scoring run was."""
    if config.corpus.path is not None:
        return CorpusConfig(path=config.corpus.path, storage=config.corpus.storage)
    told = run.stored["config"]["input"]
    storage = config.corpus.storage
    if storage == StorageConfig():
        storage = StorageConfig.model_validate(told["storage"])
    return CorpusConfig(path=told["path"], storage=storage)


def scored_files(run: ScoredRun) -> list[InputFile]:
    """The corpus as the scoring run saw it."""
    files = [
        InputFile(f.path, f.size, f.version, f.units[0].partition if f.units else {})
        for f in run.files
    ]
    return sorted(files, key=lambda file: file.path)


def by_file(parts: Iterable[ScoredPart]) -> dict[str, list[ScoredPart]]:
    """Parts by the corpus file of their rows."""
    found: dict[str, list[ScoredPart]] = {}
    for part in parts:
        found.setdefault(part.shard.file, []).append(part)
    return {file: sorted(theirs, key=lambda part: part.shard.start)
            for file, theirs in found.items()}  # fmt: skip


def columns_of(run: ScoredRun, column: str) -> pa.Schema:
    """A run's columns, among which is the one that documents are chosen by.

    Raises:
        ConfigError: it is not, or holds no numbers.
    """
    schema, formula = schema_of(run), Formula(column)
    if missing := [name for name in formula.columns if name not in schema.names]:
        raise ConfigError(
            f"rewards.column: {run.uri} has no column {missing[0]!r}; it has "
            f"{', '.join(schema.names)}"
        )
    if not formula.is_path:
        raise ConfigError(f"rewards.column: {column!r} is no column, nor an element of one")
    kind = _type_of("rewards.column", formula, schema)
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise ConfigError(
            f"rewards.column: {column} is {kind}, not a number; give one, such as {column}[0] of a "
            "list or attributes.NAME of a struct"
        )
    return schema


def written_columns(config: FilterConfig, rewards: pa.Schema) -> list[str]:
    """The columns of the rewards that are written.

    Raises:
        ConfigError: there is none of that name.
    """
    output = config.output
    if unknown := [name for name in output.add if name not in rewards.names]:
        raise ConfigError(
            f"output.add: the rewards have no column {unknown[0]!r}; they have "
            f"{', '.join(rewards.names)}"
        )
    if output.kind == "rewards":
        return list(rewards.names)
    own = [name for name in IDS if name in rewards.names] if output.kind == "ids" else []
    return list(dict.fromkeys([*own, *output.add]))


def spoken_of(rule: RuleConfig) -> dict[str, str]:
    """The columns that rules speak of, with the key that does."""
    where = Formula(rule.where).columns if rule.where else []
    by = [name for text in rule.by for name in Formula(text).columns]
    return dict.fromkeys(where, "rule.where") | dict.fromkeys(by, "rule.by")


def check_columns(
    config: FilterConfig,
    rewards: pa.Schema,
    others: Sequence[str],
    files: Mapping[str, tuple[InputFile, pa.Schema]],
) -> None:
    """Refuse columns that are missing, collide, or are of a type that does not fit their use.

    Args:
        others: columns that rules speak of and the rewards have not.
        files: the corpus's files that are read.

    Raises:
        InputError: with the column and the file.
        ConfigError: a condition or group cannot be worked out.
    """
    kinds: set[tuple[pa.DataType, ...]] = set()
    for file, schema in files.values():
        _check_names(config, rewards, others, file, schema)
        kinds.add(tuple(schema.field(n).type if n in schema.names else pa.string() for n in others))
    for types in kinds or {(pa.string(),) * len(others)}:
        known = dict(zip(others, types, strict=True))
        fields = [
            (name, known[name] if name in known else rewards.field(name).type)
            for name in spoken_of(config.rule)
        ]
        _check_types(config.rule, pa.schema(fields))


def _check_names(
    config: FilterConfig, rewards: pa.Schema, others: Sequence[str], file: InputFile,
    schema: pa.Schema,
) -> None:  # fmt: skip
    """Of one file. Raises InputError."""
    for name in others:
        found = schema.names.count(name)
        key = spoken_of(config.rule)[name]
        if found > 1:
            raise InputError(
                f"{key}: {file.path} has {found} columns {name!r}, and which is meant is not "
                "clear; give them different names"
            )
        if not found and name not in file.partition:
            raise InputError(
                f"{key}: neither the rewards nor {file.path} have a column {name!r}; it has "
                f"{', '.join([*schema.names, *file.partition])}, they have "
                f"{', '.join(rewards.names)}"
            )
    if config.output.kind != "rows":
        return
    own = {*schema.names, *file.partition}
    if twice := [name for name in config.output.add if name in own]:
        raise InputError(
            f"output.add: {file.path} has a column {twice[0]!r} of its own; rename it, or leave it "
            "out of output.add"
        )
    if config.output.buckets and "quality" in own:
        raise InputError(
            f"output.buckets: {file.path} has a column 'quality' of its own, as the folders of "
            "buckets are called; rename it"
        )


def _check_types(rule: RuleConfig, schema: pa.Schema) -> None:
    """Of the columns that rules speak of. Raises ConfigError."""
    if rule.where:
        try:
            Formula(rule.where).holds(schema.empty_table())
        except ConfigError as error:
            raise ConfigError(f"rule.where: {error}") from None
    for text in rule.by:
        kind = _type_of("rule.by", Formula(text), schema)
        try:
            pa.array([], kind).cast(pa.string())
        except pa.ArrowException:
            raise ConfigError(
                f"rule.by: {text} is {kind}, and its values make no groups; give a column of "
                "texts, numbers or dates"
            ) from None


def check_threshold(config: FilterConfig, run: ScoredRun) -> None:
    """Refuse to cut an adaptive run elsewhere than at its threshold.

    Raises:
        InputError: documents were judged only until their side of it was clear.
    """
    adaptive = run.stored["fingerprint"].get("judge.adaptive")
    if not adaptive or config.rewards.allow_partial:
        return
    threshold, rule = adaptive["threshold"], config.rule
    whole = rule.choice is None and not config.output.buckets
    alone = len(config.rewards.paths) == 1 and config.rewards.column == "reward"
    if not whole and not (alone and rule.min_reward == threshold):
        raise InputError(
            f"rewards.path: {run.uri} judged each document only until it was clear on which side "
            f"of {threshold:g} its reward lies, so only a cut there means what it says: give "
            f"--rule.min_reward {threshold:g}, or --rewards.allow_partial to cut estimates"
        )


def check_same_files(
    found: Sequence[InputFile], runs: Sequence[ScoredRun], config: FilterConfig
) -> None:
    """Refuse rewards of another corpus, or of files that have changed.

    Raises:
        InputError: naming the file.
    """
    for run in runs:
        scored = {file.path: file for file in run.files}
        unknown = [file.path for file in found if file.path not in scored]
        if unknown and not config.rewards.allow_incomplete:
            none = len(unknown) == len(found)
            what = "are rewards of another corpus" if none else "do not have all of it"
            raise InputError(
                f"rewards.path: the rewards in {run.uri} {what}: {len(unknown)} of {len(found)} "
                f"corpus files were not scored there, first {unknown[0]}; score them first (the "
                "same command scores what is new), or give --rewards.allow_incomplete"
            )
        for file in (file for file in found if file.path in scored):
            before = scored[file.path]
            if (file.size, file.version) != (before.size, before.version):
                raise InputError(
                    f"corpus.path: {file.path} has changed since {run.uri} scored it: "
                    f"{then_and_now((before.size, before.version), (file.size, file.version))}; "
                    "put it back, or score it again "
                    "(--run.rescore_changed) and filter into a new --output.path"
                )
    if config.corpus.path is None and (
        gone := {file.path for file in runs[0].files} - {file.path for file in found}
    ):
        raise InputError(
            f"corpus.path: {len(gone)} files that {runs[0].uri} scored are gone, first "
            f"{min(gone)}; put them back, or name those that are to be filtered"
        )


def check_unmoved(
    before: Sequence[Notes],
    found: Sequence[InputFile],
    parts: Sequence[Parts],
    runs: Sequence[ScoredRun],
    config: FilterConfig,
) -> None:
    """Refuse to go on with rewards that are not those that the filter was planned with.

    Raises:
        OutputError: naming the parts, or the files that have come.
    """
    if not before:
        return
    elsewhere = "what was filtered here is of the old rewards: give a new --output.path"
    planned = {path for each in before for path in each.files}
    for number, run in enumerate(runs):
        read = {name: said for each in before for name, said in each.parts[number].items()}
        now = {part.shard.part: part for theirs in parts[number].values() for part in theirs}
        moved = [name for name, said in read.items() if name not in now or now[name].hash != said]
        more = [part for n, part in now.items() if part.shard.file in planned and n not in read]
        if moved:
            raise OutputError(
                f"rewards.path: {len(moved)} parts in {run.parts.uri} are not those that this "
                f"filter was planned with ({', '.join(sorted(moved)[:3])}): documents were scored "
                f"again since; {elsewhere}"
            )
        if more:
            raise OutputError(
                f"rewards.path: more rows of files that this filter has planned were scored since, "
                f"first {more[0].shard}; {_stay(before)}, or give a new --output.path"
            )
    new = [file.path for file in found if file.path not in planned]
    relative = config.rule.relative or config.output.buckets or len(runs) > 1
    if new and relative:
        raise OutputError(
            f"output.path: {len(new)} files are new to this filter, first {new[0]}, and what is "
            f"kept of the others depends on them; {_stay(before)}, or give a new --output.path"
        )


def _stay(before: Sequence[Notes]) -> str:
    """How to leave out what was scored since."""
    runs = before[-1].segments
    said = ",".join(map(str, runs[0])) if len(runs) == 1 else f"'{json.dumps(runs)}'"
    return f"stay with what was there: --rewards.segments {said}"


def _type_of(key: str, formula: Formula, schema: pa.Schema) -> pa.DataType:
    try:
        return formula.of(schema.empty_table()).type
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None
