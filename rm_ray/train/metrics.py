"""The metrics of the training: log lines, metrics.jsonl in the output, and TensorBoard's files."""

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from rm_ray.store.folder import Folder

log = logging.getLogger(__name__)

NAME = "metrics.jsonl"
# Seconds between two writes of the whole file.
WRITE_SECONDS = 10.0


class Metrics:
    """Writes one line of JSON per step with values. A run that resumes repeats no line.

    The file is always written whole, because stores cannot append.
    """

    def __init__(self, output: Folder, step: int, total: int, tensorboard: str | None) -> None:
        """Read the lines up to `step`, the step from which the training goes on.

        Args:
            output: the run's folder.
            total: number of steps of the training.
            tensorboard: local folder for TensorBoard's files; None for none.
        """
        self._output = output
        self._total = total
        stored = (output.read(NAME) or b"").decode().splitlines()
        lines = [json.loads(line) for line in stored if line.strip()]
        self.lines: list[dict[str, Any]] = [line for line in lines if line["step"] <= step]
        self._written = 0.0
        self._board = _board(tensorboard, step) if tensorboard else None

    def tell(self, step: int, values: Mapping[str, float]) -> None:
        """Add values to the line of a step, and log them."""
        if not self.lines or self.lines[-1]["step"] != step:
            self.lines.append({"step": step})
        self.lines[-1].update(values)
        values_text = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        log.info("step %d of %d: %s", step, self._total, values_text)
        if self._board:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)
        if time.monotonic() - self._written > WRITE_SECONDS:
            self.write()

    def write(self) -> None:
        """Write the file now."""
        text = "".join(f"{json.dumps(line)}\n" for line in self.lines)
        self._output.overwrite(NAME, text.encode())
        self._written = time.monotonic()
        if self._board:
            self._board.flush()

    def last(self, name: str) -> float | None:
        """Return the newest value of this name; None if there is none."""
        recorded = [line[name] for line in self.lines if name in line]
        return recorded[-1] if recorded else None


def _board(folder: str, step: int) -> Any:
    from tensorboardX import SummaryWriter

    return SummaryWriter(folder, purge_step=step + 1)
