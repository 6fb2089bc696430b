"""transformers' Trainer, with our losses, our order and our checkpoints.

The Trainer runs the loop: accumulation, mixed precision, schedules, sharding, optimizer. Here,
batches come in our order, checkpoints go to the output's store, and each step begins with its own
seed, so that dropout depends on the step only.
"""

import json
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset
from transformers import Trainer, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from typing_extensions import override

from rm_ray.errors import Incomplete
from rm_ray.train.arguments import training_arguments
from rm_ray.train.checkpoints import Checkpoint, Checkpoints, check_room, is_full, no_room
from rm_ray.train.config import TrainConfig
from rm_ray.train.data.order import batches
from rm_ray.train.losses import (
    answer_losses,
    asked_places,
    language_losses,
    log_ratios,
    margins,
    pair_losses,
    predicting_places,
    reward_losses,
)
from rm_ray.train.measures import MEASURES, Floats, measures
from rm_ray.train.metrics import Metrics
from rm_ray.train.model import build
from rm_ray.train.task import Task, TrainingExamples

log = logging.getLogger(__name__)

# Name of the trainer's final report, in the run's folder `_rm_ray`.
TRAINED = "trained.json"


class LossIsNoNumber(Incomplete):
    """A loss or a gradient is not a finite number, so the training cannot go on."""


class JudgeTrainer(Trainer):  # type: ignore[misc]
    """The Trainer of one worker."""

    def __init__(
        self,
        task: Task,
        examples: TrainingExamples,
        validation: TrainingExamples,
        rank: int,
        workers: int,
        scratch: Path,
        checkpoints: Checkpoints,
        metrics: Metrics | None,
    ) -> None:
        config = task.config
        self.task, self.examples, self.validation = task, examples, validation
        self.rank, self.workers, self.scratch = rank, workers, scratch
        self.checkpoints, self.metrics = checkpoints, metrics
        self.spent_tokens = 0
        self.step_targets = 0
        self._evaluated: int | None = None
        self.in_step: list[tuple[list[int], torch.Tensor]] = []
        self._told = time.monotonic(), 0
        order = batches(
            examples.lengths,
            examples.documents,
            size=config.pairs_a_step,
            steps=task.steps,
            seed=config.train.seed,
            packed=config.packed,
        )
        self.order = order.reshape(task.steps, workers, -1)[:, rank].reshape(
            -1, config.pairs_at_once
        )
        frozen = getattr(torch, config.train.precision)
        super().__init__(
            model=build(task.shape, config.train, frozen_dtype=frozen),
            args=training_arguments(task, scratch),
            train_dataset=_Numbers(len(self.order)),
            eval_dataset=_Numbers(1),
            callbacks=[_Steps(self)],
        )
        self.remove_callback(PrinterCallback)
        # The Trainer means the losses of a step's batches: all batches have the same size. The
        # loss of real text is divided by the targets of the whole step in `compute_loss`.
        self.model_accepts_loss_kwargs = False

    def go(self, found: Checkpoint | None) -> None:
        """Train from a checkpoint, or from the beginning if `found` is None."""
        if found:
            folder = str(self.checkpoints.fetch(found, self.scratch))
            if found.step >= self.task.steps:
                self._load_from_checkpoint(folder)
                self.state.global_step = found.step
                return
            log.info("going on from the checkpoint of step %d", found.step)
            self.train(resume_from_checkpoint=folder)
        else:
            self.train()

    @override
    def get_train_dataloader(self) -> Any:
        config = self.task.config
        targets = config.train.language_weight > 0

        def collate(items: Sequence[int]) -> dict[str, Any]:
            numbers = self.order[items[0]].tolist()
            return self.examples.batch(numbers, packed=config.packed, targets=targets)

        return DataLoader(
            self.train_dataset,
            batch_size=1,
            collate_fn=collate,
            generator=torch.Generator().manual_seed(0),  # keeps dropout's generator untouched
        )

    @override
    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **more: Any
    ) -> Any:
        weight = self.task.config.train.language_weight
        answers, words = self.answers(model, inputs)
        losses = self.losses_of(answers, inputs)
        loss = losses.mean()
        if words is not None:
            share = self.task.config.accumulated * self.workers / max(1, self.step_targets)
            loss = loss + weight * share * language_losses(words, inputs["targets"]).sum()
        self.in_step.append((inputs["numbers"], losses.detach()))
        self.spent_tokens += inputs["input_ids"].numel()
        return loss

    @override
    def get_batch_samples(
        self, epoch_iterator: Any, num_batches: int, device: torch.device
    ) -> tuple[list[dict[str, Any]], None]:
        """Return the batches of one step, and count the tokens of real text that all workers
        predict in it.
        """
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if self.task.config.train.language_weight:
            own = sum(len(predicting_places(batch["targets"])[0]) for batch in batches)
            self.step_targets = own
            if self.workers > 1:
                everyone = torch.tensor(own, device=device)
                dist.all_reduce(everyone)
                self.step_targets = int(everyone)
        return batches, None

    def losses_of(self, answers: torch.Tensor, inputs: dict[str, Any]) -> torch.Tensor:
        """Return the objective's loss of each example."""
        match self.task.config.train.objective:
            case "answer":
                return answer_losses(answers)
            case "pairs":
                return pair_losses(answers)
            case _:
                return reward_losses(self.rewards(answers), inputs["rewards"])

    def rewards(self, answers: torch.Tensor) -> torch.Tensor:
        """Return the reward of each window or document."""
        return log_ratios(answers) if self.task.shape.labels else answers[..., 0]

    def value(self, answers: torch.Tensor, inputs: dict[str, Any]) -> torch.Tensor:
        """Return the margin of each pair, or the reward of each example."""
        return self.rewards(answers) if "rewards" in inputs else margins(answers)

    def answers(
        self, model: Any, inputs: dict[str, Any]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the answers' logits, and the logits that predict real text, if it is learnt.

        The first are [pairs, 2 windows, labels], for rewards [examples, labels]; the second
        [targets, vocabulary], or None.
        """
        names = ("input_ids", "attention_mask", "position_ids")
        given = {name: inputs[name] for name in names if name in inputs}
        shape, words = self.task.shape, None
        if not shape.labels:
            return model(**given).logits.float(), None
        ends = inputs["ends"]
        if shape.whole_head:
            self.model.asked.places = asked_places(ends, inputs.get("targets"))
            logits = model(**given).logits
            label_logits, words = (
                logits[: len(ends[0])][:, list(shape.labels)],
                logits[len(ends[0]) :],
            )
        else:
            label_logits = model(**given).logits[ends]
        label_logits = label_logits.float()
        return (label_logits if "rewards" in inputs else label_logits.reshape(-1, 2, 2)), words

    @override
    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """Return the gradient norm, equal on all workers; if it is not finite, all workers
        raise.
        """
        norm = float(super()._get_grad_norm(model, grad_norm=grad_norm))
        if not np.isfinite(norm):
            raise LossIsNoNumber(self._say_where(norm))
        return norm

    def _say_where(self, norm: float) -> str:
        wrong = [
            number
            for numbers, losses in self.in_step
            for number, loss in zip(numbers, losses.tolist(), strict=True)
            if not np.isfinite(loss)
        ]
        step = self.state.global_step + 1
        if wrong:
            problem = f"the loss at step {step} is not a number, for"
        else:
            problem = f"the gradient at step {step} is {norm} although all losses are numbers, for"
        shown = wrong or [number for numbers, _ in self.in_step for number in numbers]
        names = "; ".join(self.examples.name(number) for number in shown[:3])
        others = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
        last = self.checkpoints.listed()
        kept = f"the checkpoint of step {last[-1].step} stays" if last else "there is no checkpoint"
        return (
            f"{problem} {len(shown)} examples ({names}{others}); {kept}; give a lower "
            "--train.schedule.learning_rate and a new folder, or look at these documents"
        )

    @override
    def evaluate(self, *unused: Any, **more: Any) -> dict[str, float]:
        """Measure the judge on the validation split; each worker runs its share."""
        losses, values = self._validate()
        result = measures(self.task.config, losses, values, self.validation.wanted)
        self._evaluated = self.state.global_step
        self.log(result)
        # tell the callbacks, or the Trainer would evaluate again at once
        self.control: Any = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, {}
        )
        return {f"eval_{name}": value for name, value in result.items()}

    def _validate(self) -> tuple[Floats, Floats]:
        """Return the loss of each validation example, and its margin or its reward."""
        size, count = self.task.config.pairs_at_once, len(self.validation.lengths)
        ordered = np.argsort(self.validation.lengths, kind="stable")
        groups = np.split(ordered, range(size, count, size))
        results = torch.zeros((2, count), dtype=torch.float64)
        self.model.eval()
        for turn in range(-(-len(groups) // self.workers)):
            place = turn * self.workers + self.rank
            # a sharded model needs all workers in each turn: spare workers repeat the last group
            group = groups[min(place, len(groups) - 1)]
            inputs = self.validation.batch(group.tolist(), packed=False, targets=False)
            inputs = self._prepare_inputs(inputs)
            with torch.no_grad(), self.compute_loss_context_manager():
                answers, _ = self.answers(self._forward, inputs)
                rows = torch.stack([self.losses_of(answers, inputs), self.value(answers, inputs)])
            if place < len(groups):
                results[:, torch.from_numpy(group)] = rows.double().cpu()
        self.model.train()
        if self.workers > 1:
            results = results.to(self.args.device)
            dist.all_reduce(results)
        losses, values = results.cpu().numpy()
        return losses, values

    @property
    def _forward(self) -> Any:
        """Return the model to call: a sharded model answers only through its wrapper."""
        return self.model_wrapped if self.is_fsdp_enabled else self.model

    @override
    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Write logged values to the metrics, with the speed in tokens per second."""
        if self.metrics is None or "train_runtime" in logs:
            return
        values = dict(logs)
        if "loss" in values:
            now, (last_time, last_tokens) = time.monotonic(), self._told
            values["tokens_per_s"] = (
                (self.spent_tokens - last_tokens) * self.workers / max(1e-9, now - last_time)
            )
            values["workers"] = self.workers
            self._told = now, self.spent_tokens
        self.metrics.tell(self.state.global_step, values)

    @override
    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step = self.state.global_step
        check_room(self.scratch, self._checkpoint_bytes(), step)
        folder = self.scratch / f"checkpoint-{step}"
        try:
            super()._save_checkpoint(model, trial)
        except (OSError, RuntimeError) as error:
            if is_full(error):
                raise no_room(str(folder)) from None
            raise
        if self.rank == 0:
            (folder / "training_args.bin").unlink(missing_ok=True)
            self.checkpoints.keep(folder, step)
            if self.metrics:
                self.metrics.write()
            log.info("step %d of %d: checkpoint written", step, self.task.steps)
        shutil.rmtree(folder, ignore_errors=True)
        if self.workers > 1:
            dist.barrier()

    def _checkpoint_bytes(self) -> int:
        """Return the bytes that this worker writes: kept weights, and Adam's two numbers."""
        if self.rank:
            return 0
        learning = [weight for weight in self.model.parameters() if weight.requires_grad]
        weights = learning if self.task.config.train.lora.rank else list(self.model.parameters())
        kept, trained = (sum(weight.numel() for weight in each) for each in (weights, learning))
        return int(4 * kept + 8 * trained)

    def write_down(self) -> None:
        """Write the final report: measures, and rewards that the engines must agree with."""
        if self._evaluated != self.task.steps:
            self.evaluate()
        windows = self.task.config.verify.windows
        numbers = sample(len(self.validation.lengths), self.task.config, windows)
        rewards: list[float] = []
        self.model.eval()
        for number in numbers:
            inputs = self.validation.batch([number], packed=False, targets=False)
            inputs = self._prepare_inputs(inputs)
            with torch.no_grad(), self.compute_loss_context_manager():
                answers, _ = self.answers(self._forward, inputs)
            rewards += self.rewards(answers).flatten().double().cpu().tolist()
        if self.metrics is None:
            return
        self.metrics.write()
        last = {name: value for name in MEASURES if (value := self.metrics.last(name)) is not None}
        report = {"step": self.task.steps, "numbers": numbers, "rewards": rewards, "metrics": last}
        self.task.state.overwrite(TRAINED, json.dumps(report).encode())


def sample(count: int, config: TrainConfig, windows: int) -> list[int]:
    """Choose the validation examples that the engines judge, enough for `windows` windows."""
    rng = np.random.default_rng(config.train.seed)
    size = min(count, -(-windows // config.windows_each))
    numbers: list[int] = sorted(rng.choice(count, size, replace=False).tolist())
    return numbers


class _Numbers(Dataset[int]):  # type: ignore[misc]
    """A dataset of the numbers of a worker's batches."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> int:
        return number


class _Steps(TrainerCallback):  # type: ignore[misc]
    """Begins each step with its own seed, and clears the losses of the step before."""

    def __init__(self, trainer: JudgeTrainer) -> None:
        self._trainer = trainer

    def on_step_begin(self, *told: Any, **_: Any) -> None:
        """Seed the random generator of the step."""
        (_, state, _), trainer = told, self._trainer
        trainer.in_step.clear()
        seed = [trainer.task.config.train.seed, state.global_step, trainer.rank]
        torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
