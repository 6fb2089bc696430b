"""Pairs in a worker's memory, and a batch of them as tensors."""

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
    """The judge that learns the pairs."""
    contexts: Lists
    """Token ids of each pair's context."""
    chosen: Lists
    """Token ids of each pair's chosen chunk."""
    rejected: Lists
    """Token ids of each pair's rejected chunk."""
    real_context: npt.NDArray[np.bool_]
    """True if the context is real text [pairs]; it is junk in a broken document."""
    documents: npt.NDArray[np.int64]
    """Number of each pair's document [pairs]."""
    places: pa.Table
    """Origin of each pair: file, row, chunk and kind, for messages."""

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Return the number of tokens in each pair's context."""
        return self.contexts.lengths

    @property
    def wanted(self) -> None:
        """Return None, because pairs have no rewards."""

    @property
    def around(self) -> int:
        """Return the number of tokens of a window's chunk, its markers and its BOS."""
        return self.judge.rule.chunk + self.judge.marker_tokens

    def batch(self, numbers: Sequence[int], *, packed: bool, targets: bool) -> dict[str, Any]:
        """Return the inputs of both windows of each pair: the chosen window, then the
        rejected one.
        """
        rows = self._packed(numbers) if packed else self._windows(numbers)
        inputs: dict[str, Any] = {
            "input_ids": torch.from_numpy(rows.ids.astype(np.int64)),
            "ends": (torch.from_numpy(rows.rows), torch.from_numpy(rows.columns)),
            "numbers": list(numbers),
        }
        if rows.mask is not None:
            inputs["attention_mask"] = torch.from_numpy(rows.mask)[:, None]
            inputs["position_ids"] = torch.from_numpy(rows.positions)
        if targets:
            labels = np.where(rows.real, rows.ids, NO_TARGET).astype(np.int64)
            inputs["targets"] = torch.from_numpy(labels)
        return inputs

    def prompts(self, number: int) -> list[Prompt]:
        """Return the windows of a pair's chosen and rejected chunk."""
        context = self.contexts[number]
        chunks = self.chosen[number], self.rejected[number]
        return [self.judge.window(context, chunk) for chunk in chunks]

    def name(self, number: int) -> str:
        """Return the pair's file, row, chunk and kind, as far as the table names them."""
        row = self.places.slice(number, 1).to_pylist()[0]
        return ", ".join(f"{key} {value}" for key, value in row.items() if value is not None)

    def _windows(self, numbers: Sequence[int]) -> Packed:
        """Put each window into a row, padded on the right. No token sees the tokens after it."""
        prompts = [window for number in numbers for window in self.prompts(number)]
        lengths = np.array([len(prompt) for prompt in prompts])
        ids = np.zeros((len(prompts), lengths.max()), np.int32)
        real = np.zeros(ids.shape, np.bool_)
        bos, before = len(self.judge.bos), len(self.judge.before)
        for row, prompt in enumerate(prompts):
            ids[row, : len(prompt)] = prompt
            if row % 2:
                continue  # the rejected window: the chosen window above has the same context
            number = numbers[row // 2]
            middle = bos + len(self.contexts[number])
            real[row, max(1, bos) : middle] = self.real_context[number]
            real[row, middle + before :][: len(self.chosen[number])] = True
        rows = np.arange(len(prompts))
        return Packed(ids=ids, real=real, rows=rows, columns=lengths - 1)

    def _packed(self, numbers: Sequence[int]) -> Packed:
        """Put the windows of the pairs into tree-packed sequences."""
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
    """Build the examples from a table of pairs."""
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
    """Number the documents: pairs of one document get the same number; a pair without one,
    its own.
    """
    files = table.column("source_file").to_pylist()
    rows: Sequence[int | None] = table.column("row").to_pylist()
    numbers: dict[tuple[Any, Any], int] = {}
    result = [
        numbers.setdefault((file, row) if file is not None else (None, place), len(numbers))
        for place, (file, row) in enumerate(zip(files, rows, strict=True))
    ]
    return np.asarray(result, np.int64)
