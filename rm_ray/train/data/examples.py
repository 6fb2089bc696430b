"""Examples as a worker holds them, and a batch of them as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch

from rm_ray.engines.engine import Prompt
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.train.data.lists import Lists
from rm_ray.train.data.pack import Branch, Packed, pack_trees

NO_TARGET = -100


@dataclass(frozen=True)
class PairExamples:
    """Pairs of windows: a chosen and a rejected chunk after the same context."""

    judge: PreferenceJudge
    contexts: Lists
    chosen: Lists
    rejected: Lists
    real_context: npt.NDArray[np.bool_]
    """Whether the context is real text; it is junk in a broken document."""
    documents: npt.NDArray[np.int64]
    places: pa.Table
    """Where each pair comes from, for whoever looks at it."""

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each pair's context."""
        return self.contexts.lengths

    @property
    def wanted(self) -> None:
        """Pairs have no rewards."""

    @property
    def around(self) -> int:
        """A window's chunk, its markers and its BOS."""
        return self.judge.rule.chunk + self.judge.marker_tokens

    def batch(self, numbers: Sequence[int], *, packed: bool, targets: bool) -> dict[str, Any]:
        """Both windows of each pair: the chosen one's answer, then the rejected one's."""
        found = self._packed(numbers) if packed else self._windows(numbers)
        inputs: dict[str, Any] = {
            "input_ids": torch.from_numpy(found.ids.astype(np.int64)),
            "ends": (torch.from_numpy(found.rows), torch.from_numpy(found.columns)),
            "numbers": list(numbers),
        }
        if found.mask is not None:
            inputs["attention_mask"] = torch.from_numpy(found.mask)[:, None]
            inputs["position_ids"] = torch.from_numpy(found.positions)
        if targets:
            wanted = np.where(found.real, found.ids, NO_TARGET).astype(np.int64)
            inputs["targets"] = torch.from_numpy(wanted)
        return inputs

    def prompts(self, number: int) -> list[Prompt]:
        """The windows of a pair's chosen and rejected chunk."""
        context = self.contexts[number]
        chunks = self.chosen[number], self.rejected[number]
        return [self.judge.window(context, chunk) for chunk in chunks]

    def name(self, number: int) -> str:
        """Its file, row and chunk, as far as the table says."""
        row = self.places.slice(number, 1).to_pylist()[0]
        return ", ".join(f"{key} {value}" for key, value in row.items() if value is not None)

    def _windows(self, numbers: Sequence[int]) -> Packed:
        """A window a row, padded on the right: no token looks at what comes after it."""
        prompts = [window for number in numbers for window in self.prompts(number)]
        lengths = np.array([len(prompt) for prompt in prompts])
        ids = np.zeros((len(prompts), lengths.max()), np.int32)
        real = np.zeros(ids.shape, np.bool_)
        bos, before = len(self.judge.bos), len(self.judge.before)
        for row, prompt in enumerate(prompts):
            ids[row, : len(prompt)] = prompt
            if row % 2:
                continue  # the chosen window before has the same context
            number = numbers[row // 2]
            middle = bos + len(self.contexts[number])
            real[row, max(1, bos) : middle] = self.real_context[number]
            real[row, middle + before :][: len(self.chosen[number])] = True
        rows = np.arange(len(prompts))
        return Packed(ids=ids, real=real, rows=rows, columns=lengths - 1)

    def _packed(self, numbers: Sequence[int]) -> Packed:
        branches = [
            Branch(
                context=np.concatenate([np.asarray(self.judge.bos, np.int32), self.contexts[n]]),
                tail=self.judge.window(np.empty(0, np.int32), chunk)[len(self.judge.bos) :],
                real_context=bool(self.real_context[n]),
                real_tail=(len(self.judge.before), len(chunk)) if is_chosen else (0, 0),
            )
            for n in numbers
            for chunk, is_chosen in ((self.chosen[n], True), (self.rejected[n], False))
        ]
        return pack_trees(branches, bos=len(self.judge.bos))


def pair_examples(table: pa.Table, judge: PreferenceJudge) -> PairExamples:
    """Hold a table of pairs."""
    broken = pc.fill_null(pc.equal(table.column("context"), "broken"), False)
    return PairExamples(
        judge=judge,
        contexts=Lists.of(table.column("prompt_ids")),
        chosen=Lists.of(table.column("chosen_ids")),
        rejected=Lists.of(table.column("rejected_ids")),
        real_context=~broken.to_numpy(),
        documents=documents_of(table),
        places=table.select(["source_file", "row", "chunk", "kind"]),
    )


def documents_of(table: pa.Table) -> npt.NDArray[np.int64]:
    """The same number for pairs of the same document; where none is named, of each pair."""
    files = table.column("source_file").to_pylist()
    rows: Sequence[int | None] = table.column("row").to_pylist()
    numbers: dict[tuple[Any, Any], int] = {}
    found = [
        numbers.setdefault((file, row) if file is not None else (None, place), len(numbers))
        for place, (file, row) in enumerate(zip(files, rows, strict=True))
    ]
    return np.asarray(found, np.int64)
