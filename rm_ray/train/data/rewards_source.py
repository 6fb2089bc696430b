"""The rewards of another judge as training data: a finished scoring run, and its corpus."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.config import InputConfig
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.reading import JUDGED, read_patiently
from rm_ray.corpus.sample import RowSample
from rm_ray.corpus.shards import Shard
from rm_ray.errors import ConfigError, InputError, short
from rm_ray.judges.encoding import encode_all, load_tokenizer
from rm_ray.judges.frame import Fitting
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.text import decoded
from rm_ray.pairs.table import TRAIN, VALIDATION
from rm_ray.scored.run import ScoredRun, open_scored, read_counted
from rm_ray.train.config import TrainConfig, TrainingRewardsConfig
from rm_ray.train.data.lists import Lists
from rm_ray.train.start import TrainingStart, padding
from rm_ray.train.task import TrainingExamples

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rewards:
    """Rewards are the results of a scoring run, prepared for the judge that learns them."""

    config: TrainingRewardsConfig
    """The configuration section `rewards`."""
    seed: int
    """Seed of the choice of documents."""
    run: ScoredRun = field(repr=False)
    """The scoring run."""
    inputs: InputConfig
    """The section `input` of the scoring run: how its corpus is read."""
    asked: PreferenceJudge | Fitting
    """The preference judge that learns, or how a classifier's prompts are made."""
    tokenizer_json: str = field(repr=False)
    """The plain tokenizer of the judge that learns."""
    pad: int
    """Token id that pads a batch."""
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Number of examples by split, then by kind."""
    scale: tuple[float, float] = (0.0, 1.0)
    """Mean and standard deviation of the learnt rewards; (0, 1) for rewards of chunks."""
    total: int = 0
    """Number of documents that have a reward, in all parts of the run."""

    @property
    def by_chunk(self) -> bool:
        """Return True if rewards of chunks are learnt, False for rewards of documents."""
        return isinstance(self.asked, PreferenceJudge)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns to read from the run's parts."""
        chunks = ("chunk_rewards", "judged_chunks") if self.by_chunk else ()
        return ("row", "reward", *chunks)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Return values that identify the scoring run, its progress, and the choice of
        documents.
        """
        return {
            "rewards": self.run.fingerprint,
            "rewards.parts": len(self.run.shards),
            "rewards.documents": self.config.documents,
            "rewards.validation": self.config.validation,
            "rewards.choice": "independent of input.sample_seed",
        }

    @property
    def told(self) -> dict[str, Any]:
        """Return the teacher and the number of examples; for a classifier, also the shift of
        the rewards.
        """
        unit = "Windows" if self.by_chunk else "Documents"
        told: dict[str, Any] = {
            "Learnt from the rewards of": self.run.stored["config"]["judge"]["model"],
            **{f"{unit}, {split}": sum(kinds.values()) for split, kinds in self.counts.items()},
        }
        if not self.by_chunk:
            mean, _ = self.scale
            told["Its rewards are"] = f"that judge's rewards minus their mean of {mean:.6g}"
        return told

    def load(self, split: str, config: TrainConfig) -> TrainingExamples:
        """Return the documents of a split, tokenised by the judge's tokenizer."""
        from rm_ray.train.data.rewarded import (  # torch takes seconds
            RewardedDocuments,
            RewardedWindows,
        )

        chosen = list(self._chosen(split))
        if split == VALIDATION:
            chosen = _fewer(chosen, config.validation.pairs, config.train.seed)
        table = pa.concat_tables([self._with_ids(shard, table) for shard, table in chosen])
        texts = Lists.of(table.column("ids"))
        places = list(
            zip(table.column("file").to_pylist(), table.column("row").to_pylist(), strict=True)
        )
        if isinstance(self.asked, Fitting):
            mean, deviation = self.scale
            targets = (table.column("reward").to_numpy().astype(np.float64) - mean) / deviation
            return RewardedDocuments(self.asked, texts, self.pad, targets, places)
        documents, chunks, rewards = _windows(table)
        return RewardedWindows(self.asked, texts, documents, chunks, rewards, places)

    def _chosen(self, split: str) -> Iterator[tuple[Shard, pa.Table]]:
        """Yield the rewards of a split's documents, part by part."""
        held = RowSample(self.config.validation, f"train validation {self.seed}")
        most = self.config.documents
        share = min(1.0, most / self.total) if most and self.total else 1.0
        taken = RowSample(share, f"train documents {self.seed}")
        for shard, table in self._read(self.columns):
            rows = table.column("row").to_numpy()
            in_validation, in_sample = (
                np.isin(rows, sample.chosen(shard.file, shard.start, shard.stop))
                for sample in (held, taken)
            )
            in_split = (in_validation == (split == VALIDATION)) & in_sample
            yield shard, table.filter(pa.array(in_split))

    def _read(self, columns: Sequence[str]) -> Iterator[tuple[Shard, pa.Table]]:
        """Yield columns of the documents that have a reward, part by part."""
        for shard in self.run.shards:
            try:
                _, table = read_counted(self.run.parts, shard, self.run.fingerprint, columns)
            except (FileNotFoundError, Unreadable) as error:
                raise InputError(f"rewards.path: {short(error)}") from None
            yield shard, table.filter(pc.is_valid(pc.field("reward")))

    def _with_ids(self, shard: Shard, table: pa.Table) -> pa.Table:
        """Add the token ids and the file to the rewards of some documents of a shard."""
        text = str(self.inputs.text)
        (unit,) = (
            unit.with_shards((shard,))
            for file in self.run.files
            if file.path == shard.file
            for unit in file.to_do()
            if shard in unit.shards
        )
        inputs = self.inputs.model_copy(update={"keep": [], "id": None})
        try:
            ((_, rows),) = read_patiently(unit, inputs, (text,))
        except (OSError, Unreadable) as error:
            raise InputError(f"rewards.path: cannot read the corpus: {short(error)}") from None
        place = pc.index_in(table.column("row"), rows.column("_row").combine_chunks())
        texts, _, _ = decoded(rows.column(f"{JUDGED}{text}").take(place), "text")
        ids = encode_all(load_tokenizer(self.tokenizer_json), texts)
        lists = pa.array([tokens.tolist() for tokens in ids], pa.large_list(pa.int32()))
        table = table.append_column("ids", lists)
        return table.append_column("file", pa.array([shard.file] * len(table), pa.string()))

    def counted(self) -> "Rewards":
        """Return a copy with the counts of examples, and the mean and deviation of the rewards.

        Raises:
            InputError: a part cannot be read.
        """
        copy = replace(self, total=sum(len(table) for _, table in self._read(("reward",))))
        counts: dict[str, dict[str, int]] = {}
        learnt: list[Floats] = []
        for split in (TRAIN, VALIDATION):
            number = 0
            for _, table in copy._chosen(split):
                rewards = table.column("reward").to_numpy().astype(np.float64)
                number += len(_windows(table)[0]) if self.by_chunk else len(rewards)
                learnt += [rewards] if split == TRAIN else []
            counts[split] = {"ok": number}
        everything = np.concatenate([np.empty(0), *learnt])
        scale = (0.0, 1.0)
        if not self.by_chunk and len(everything):
            scale = float(everything.mean()), float(everything.std()) or 1.0
        return replace(copy, counts=counts, scale=scale)


def open_rewards(
    config: TrainingRewardsConfig, asked: PreferenceJudge | Fitting, start: TrainingStart, seed: int
) -> Rewards:
    """Open a scoring run to learn its rewards.

    Raises:
        InputError: there is no run, it is not complete, or its chunks do not fit this judge.
        ConfigError: its documents are not plain texts.
    """
    run = open_scored(config.path, config.storage)
    stored = run.stored
    inputs = InputConfig(**stored["config"]["input"])
    if inputs.text is None:
        raise ConfigError(
            "rewards.path: only rewards of plain texts can be learnt; give a run with input.text"
        )
    if isinstance(asked, PreferenceJudge):
        _check_chunks(run, asked, start)
    else:
        run.warn_of_estimates()
    plain = plain_tokenizer(start.files.json)
    rewards = Rewards(config, seed, run, inputs, asked, plain, padding(start))
    return rewards.counted()


def _check_chunks(run: ScoredRun, asked: PreferenceJudge, start: TrainingStart) -> None:
    made, ours = run.stored["fingerprint"], asked.fingerprint()
    if made.get("family") != "preference":
        raise InputError(
            f"rewards.path: {run.uri} has no rewards of chunks, and a preference judge needs them; "
            "give --judge.family classifier"
        )
    for key, expected in (("tokenizer", start.tokenizer_digest), ("judge.chunk_tokens", None)):
        expected = expected or ours[key]
        if made.get(key) != expected:
            raise InputError(
                f"rewards.path: the chunks of {run.uri} have another {key} ({made.get(key)}) "
                f"than this judge ({expected}); give the same, or learn the documents' rewards "
                "with --judge.family classifier"
            )


def _fewer(
    chosen: Sequence[tuple[Shard, pa.Table]], most: int, seed: int
) -> list[tuple[Shard, pa.Table]]:
    """Return at most `most` of the documents, chosen by a seed among all shards."""
    stops = np.cumsum([len(table) for _, table in chosen])
    if not len(stops) or stops[-1] <= most:
        return list(chosen)
    kept = np.sort(np.random.default_rng(seed).choice(stops[-1], most, replace=False))
    places = np.split(kept, np.searchsorted(kept, stops[:-1]))
    return [
        (shard, table.take(pa.array(own - (stop - len(table)))))
        for (shard, table), own, stop in zip(chosen, places, stops, strict=True)
    ]


def _windows(
    table: pa.Table,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
    """Return the document number, the chunk number and the reward of each window."""
    rewards = table.column("chunk_rewards").to_pylist()
    judged = table.column("judged_chunks").to_pylist()
    documents, chunks, flat = [], [], []
    for number, (values, numbers) in enumerate(zip(rewards, judged, strict=True)):
        chunks += list(numbers if numbers is not None else range(len(values)))
        documents += [number] * len(values)
        flat += values
    return np.array(documents, np.int64), np.array(chunks, np.int64), np.array(flat, np.float64)
