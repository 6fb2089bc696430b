"""Windows or documents with the reward that another judge gave, and a batch of them as tensors."""

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
    """Windows of a preference judge: number i is of a chunk of a document."""

    judge: PreferenceJudge
    texts: Lists
    documents: npt.NDArray[np.int64]
    """The number of each window's document, in `texts`."""
    chunks: npt.NDArray[np.int64]
    wanted: npt.NDArray[np.float64]
    places: Sequence[tuple[str, int]]
    """The file and the row of each document."""

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each window's context."""
        spans = [self._window(number) for number in range(len(self.chunks))]
        return np.array([len(context) for context, _ in spans], np.int64)

    @property
    def around(self) -> int:
        """A window's chunk, its markers and its BOS."""
        return self.judge.rule.chunk + self.judge.marker_tokens

    def batch(self, numbers: Sequence[int], *, packed: bool, targets: bool) -> dict[str, Any]:
        """Each window, and its reward."""
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
        found = pack_trees([self._branch(number) for number in numbers])
        assert found.mask is not None and found.positions is not None
        return inputs | {
            "input_ids": torch.from_numpy(found.ids.astype(np.int64)),
            "ends": (torch.from_numpy(found.rows), torch.from_numpy(found.columns)),
            "attention_mask": torch.from_numpy(found.mask)[:, None],
            "position_ids": torch.from_numpy(found.positions),
        }

    def prompts(self, number: int) -> list[Prompt]:
        """The window."""
        return [self.judge.window(*self._window(number))]

    def name(self, number: int) -> str:
        """Its file, row and chunk."""
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
    """Documents as a classifier is asked about them."""

    fitting: Fitting
    texts: Lists
    pad: int
    wanted: npt.NDArray[np.float64]
    places: Sequence[tuple[str, int]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each document, as far as it is shown."""
        return np.minimum(self.texts.lengths, self.fitting.room)

    @property
    def documents(self) -> npt.NDArray[np.int64]:
        """Each is its own."""
        return np.arange(len(self.texts))

    @property
    def around(self) -> int:
        """The tokens around a text."""
        return self.fitting.frame.tokens

    def batch(self, numbers: Sequence[int], *, packed: bool, targets: bool) -> dict[str, Any]:
        """Each document, padded on the right, and its reward."""
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
        """The document with what stands around it."""
        return list(self.fitting.prompts(self.texts[number], [0]))

    def name(self, number: int) -> str:
        """Its file and row."""
        file, row = self.places[number]
        return f"source_file {file}, row {row}"


def padded(prompts: Sequence[Prompt], pad: int) -> torch.Tensor:
    """Prompts as one tensor [prompts, tokens], padded on the right."""
    ids = np.full((len(prompts), max(map(len, prompts))), pad, np.int64)
    for row, prompt in enumerate(prompts):
        ids[row, : len(prompt)] = prompt
    return torch.from_numpy(ids)
