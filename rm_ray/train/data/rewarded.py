"""Windows or documents with the reward of another judge, and a batch of them as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from rm_ray.engines.engine import Prompt
from rm_ray.judges.frame import Fitting
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.windows import window_at
from rm_ray.train.data.lists import Lists
from rm_ray.train.data.pack import Branch, pack_trees

NO_IDS = np.empty(0, np.int32)


@dataclass(frozen=True)
class RewardedWindows:
    """Windows of a preference judge with rewards; each window is one chunk of a document."""

    judge: PreferenceJudge
    """The judge that learns the rewards."""
    texts: Lists
    """Token ids of each document."""
    documents: npt.NDArray[np.int64]
    """Number of each window's document, in `texts` [windows]."""
    chunks: npt.NDArray[np.int64]
    """Number of each window's chunk in its document [windows]."""
    wanted: npt.NDArray[np.float64]
    """Target reward of each window [windows]."""
    places: Sequence[tuple[str, int]]
    """File and row of each document."""

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Return the number of tokens in each window's context."""
        spans = [self._window(number) for number in range(len(self.chunks))]
        return np.array([len(context) for context, _ in spans], np.int64)

    @property
    def around(self) -> int:
        """Return the number of tokens of a window's chunk, its markers and its BOS."""
        return self.judge.rule.chunk + self.judge.marker_tokens

    def batch(self, numbers: Sequence[int], *, packed: bool, targets: bool) -> dict[str, Any]:
        """Return the inputs and the reward of each window."""
        del targets
        inputs: dict[str, Any] = {
            "numbers": list(numbers),
            "rewards": torch.from_numpy(self.wanted[list(numbers)]).float(),
        }
        if not packed:
            prompts = [self.prompts(number)[0] for number in numbers]
            columns = torch.tensor([len(prompt) - 1 for prompt in prompts])
            return inputs | {
                "input_ids": padded(prompts, 0),
                "ends": (torch.arange(len(prompts)), columns),
            }
        trees = pack_trees([self._branch(number) for number in numbers])
        assert trees.mask is not None and trees.positions is not None
        return inputs | {
            "input_ids": torch.from_numpy(trees.ids.astype(np.int64)),
            "ends": (torch.from_numpy(trees.rows), torch.from_numpy(trees.columns)),
            "attention_mask": torch.from_numpy(trees.mask)[:, None],
            "position_ids": torch.from_numpy(trees.positions),
        }

    def prompts(self, number: int) -> list[Prompt]:
        """Return the window, as a list of one prompt."""
        return [self.judge.window(*self._window(number))]

    def name(self, number: int) -> str:
        """Return the window's file, row and chunk."""
        file, row = self.places[self.documents[number]]
        return f"source_file {file}, row {row}, chunk {self.chunks[number]}"

    def _window(self, number: int) -> tuple[Prompt, Prompt]:
        ids = self.texts[int(self.documents[number])]
        at = window_at(int(self.chunks[number]), len(ids), self.judge.rule)
        return ids[at.start : at.middle], ids[at.middle : at.stop]

    def _branch(self, number: int) -> Branch:
        context, chunk = self._window(number)
        bos = np.asarray(self.judge.bos, np.int32)
        tail = self.judge.window(NO_IDS, chunk)[len(bos) :]
        return Branch(context=np.concatenate([bos, context]), tail=tail)


@dataclass(frozen=True)
class RewardedDocuments:
    """Documents with rewards, as a classifier reads them."""

    fitting: Fitting
    """How a text becomes the classifier's prompt."""
    texts: Lists
    """Token ids of each document."""
    pad: int
    """Token id that pads a batch."""
    wanted: npt.NDArray[np.float64]
    """Target reward of each document [documents]."""
    places: Sequence[tuple[str, int]]
    """File and row of each document."""

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Return the number of tokens of each document, after truncation."""
        return np.minimum(self.texts.lengths, self.fitting.room)

    @property
    def documents(self) -> npt.NDArray[np.int64]:
        """Return the numbers of the documents: each example is a document of its own."""
        return np.arange(len(self.texts))

    @property
    def around(self) -> int:
        """Return the number of tokens around a text."""
        return self.fitting.frame.tokens

    def batch(self, numbers: Sequence[int], *, packed: bool, targets: bool) -> dict[str, Any]:
        """Return the inputs of each document, padded on the right, and its reward."""
        del packed, targets
        prompts = [self.prompts(number)[0] for number in numbers]
        places = torch.arange(max(map(len, prompts)))
        lengths = torch.tensor([len(prompt) for prompt in prompts])
        return {
            "numbers": list(numbers),
            "rewards": torch.from_numpy(self.wanted[list(numbers)]).float(),
            "input_ids": padded(prompts, self.pad),
            "attention_mask": (places < lengths[:, None]).long(),
        }

    def prompts(self, number: int) -> list[Prompt]:
        """Return the document's prompt, as a list of one."""
        return list(self.fitting.prompts(self.texts[number], [0]))

    def name(self, number: int) -> str:
        """Return the document's file and row."""
        file, row = self.places[number]
        return f"source_file {file}, row {row}"


def padded(prompts: Sequence[Prompt], pad: int) -> torch.Tensor:
    """Return prompts as one tensor [prompts, tokens], padded on the right."""
    ids = np.full((len(prompts), max(map(len, prompts))), pad, np.int64)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = prompt
    return torch.from_numpy(ids)
