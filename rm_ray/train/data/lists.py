"""Lists of token ids, in one array."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Lists:
    """Lists are lists of token ids, one after the other in one array."""

    flat: Ids
    """Token ids of all lists."""
    starts: npt.NDArray[np.int64]
    """Start of each list in `flat`, then the end of the last list [lists + 1]."""

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> "Lists":
        """Build the lists from a column of lists. The values are copied once, into one array."""
        chunks = [chunk for chunk in column.chunks if len(chunk)]
        lengths = np.concatenate([[0], *(pc.list_value_length(c).to_numpy() for c in chunks)])
        values = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in chunks]
        flat = np.concatenate([np.empty(0, np.int32), *values]).astype(np.int32, copy=False)
        return cls(flat, np.cumsum(lengths, dtype=np.int64))

    @classmethod
    def joined(cls, lists: Sequence[Ids]) -> "Lists":
        """Build the lists from separate arrays."""
        lengths = np.array([0, *map(len, lists)], np.int64)
        return cls(np.concatenate([np.empty(0, np.int32), *lists]), np.cumsum(lengths))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, number: int) -> Ids:
        return self.flat[self.starts[number] : self.starts[number + 1]]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Return the length of each list."""
        return np.diff(self.starts)
