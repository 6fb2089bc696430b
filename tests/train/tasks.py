"""Small training runs in this process: one worker, no Ray."""

import hashlib
from pathlib import Path

from safetensors import safe_open

from rm_ray.train.config import TrainConfig
from rm_ray.train.job import TrainingLook
from rm_ray.train.task import Task
from tests.conftest import TINY_JUDGE

KEYS = {
    "judge": {"model": str(TINY_JUDGE), "context_tokens": 256},
    "train": {"steps": 6, "batch_windows": 8, "schedule": {"learning_rate": 1e-4}},
    "workers": {"gpus": 0},
    "checkpoints": {"every_steps": 2},
    "validation": {"every_steps": 3, "pairs": 16},
    "log": {"every_steps": 1},
    "verify": {"windows": 8},
}


def config(pairs: Path, output: Path, **changes) -> TrainConfig:
    """`train={...}` and the like change keys of a section."""
    keys = {name: dict(section) for name, section in KEYS.items()}
    for name, section in changes.items():
        keys[name] = {**keys.get(name, {}), **section}
    return TrainConfig(pairs={"path": str(pairs)}, output={"path": str(output)}, **keys)


def task(pairs: Path, output: Path, **changes) -> Task:
    return TrainingLook(config(pairs, output, **changes)).task


def weights(task: Task) -> dict[str, str]:
    """A hash of each tensor of the last checkpoint."""
    folder = max(
        Path(task.output.path, "checkpoints").glob("step-*"),
        key=lambda path: int(path.name.partition("-")[2]),
    )
    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="np") as tensors:
            for name in tensors.keys():  # noqa: SIM118
                found[name] = hashlib.sha256(tensors.get_tensor(name).tobytes()).hexdigest()
    return found
