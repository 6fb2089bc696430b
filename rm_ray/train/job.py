"""The training job: from labelled pairs, or another judge's rewards, to a judge that scores.

look      check the configuration and the data              writes nothing
train     run Ray Train's workers from the last checkpoint  OUTPUT/checkpoints/,
OUTPUT/metrics.jsonl
export    write the last checkpoint as one model            OUTPUT/judge/
verify    compare the engines' rewards with the trainer's   fails the run if they differ
describe  write judge.yaml, the model card and _SUCCESS

A training run is no ShardJob, because it has no output rows that are present or missing. Its
progress is one number, the step of the last checkpoint. It shares with the other jobs the parts
that do not deal with rows: the run's folder with its fingerprint, the lease, and the stores.
"""

import json
import logging
import os
import signal
import tempfile
from importlib.util import find_spec
from typing import Any

from rm_ray.cluster.fit import check_machines, wait_for_machines
from rm_ray.cluster.join import connect
from rm_ray.cluster.machines import machine_names
from rm_ray.config import PoolConfig
from rm_ray.engines.engine import choose_block_size
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.start import check_engine_installed
from rm_ray.errors import ClusterError, Incomplete, OutputError, RmRayError, one_line
from rm_ray.judges.classifier.keys import ClassifierConfig
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.run.execute import ray_faults
from rm_ray.run.output.folder import RunFolder, no_empty_folders
from rm_ray.run.output.lease import Lease
from rm_ray.run.output.one_folder import see_one_folder
from rm_ray.run.output.run_json import new_run
from rm_ray.train.checkpoints import Checkpoint, Checkpoints, clear_scratch
from rm_ray.train.config import TrainConfig
from rm_ray.train.data.pairs_source import LabelledPairs
from rm_ray.train.data.rewards_source import open_rewards
from rm_ray.train.start import (
    TrainingStart,
    check_vllm_runs,
    classifier_fitting,
    preference_judge,
    resolve_start,
)
from rm_ray.train.task import Shape, Task, TrainingSource, steps_of
from rm_ray.train.verify import checked_settings

log = logging.getLogger(__name__)
JUDGE = "judge"
# How often workers may start from the same checkpoint before the run gives up.
TRIES = 2


class WorkersLost(Incomplete):
    """The workers ended before the last step, and their error is no plain sentence."""


class TrainingLook:
    """A TrainingLook holds the facts of a run that are known before any machine is used."""

    def __init__(self, config: TrainConfig) -> None:
        """Resolve and check everything that needs neither Ray nor the model's weights.

        Raises:
            Refused: a check failed; the message says what to do.
        """
        check_installed()
        for name in config.verify.engines:
            check_engine_installed(EngineConfig(name=name))
        self.config = config
        log.info("looking at the model %s", config.judge.model)
        self.start: TrainingStart = resolve_start(
            config.judge,
            from_scratch=config.train.from_scratch,
            weights_folder=config.workers.weights_folder,
        )
        self.source, self.labels, self.asked = _learnt_from(config, self.start)
        self.steps = steps_of(self.source.counts, config)
        self.run = RunFolder(config.output, JUDGE)
        self.stored = self._stored()

    def _stored(self) -> dict[str, Any] | None:
        """Return the stored state of an earlier run in the folder; None for a new folder."""
        stored = self.run.stored()
        if stored and "train" not in stored["config"]:
            raise OutputError(
                f"output.path: {self.run.uri} holds the run of another job; give a new folder"
            )
        return self.run.open(self.fingerprint)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Return all values that the trained weights depend on."""
        train = self.config.train.model_dump(mode="json", exclude={"worker_windows", "attention"})
        flat = {f"train.{name}": value for name, value in train.items()}
        flat["train.packed"] = self.config.packed
        return {
            "job": "train",
            "model": self.start.identity,
            "tokenizer": self.start.tokenizer_digest,
            **self.asked,
            **flat,
            **self.source.fingerprint,
        }

    @property
    def task(self) -> Task:
        """Return the task for the workers."""
        whole = self.config.train.language_weight > 0
        return Task(
            config=self.config,
            shape=Shape(self.start, self.labels, whole_head=whole),
            source=self.source,
            output=self.run.root,
            steps=self.steps,
        )


def _asked_by(
    config: TrainConfig, judge: PreferenceConfig, start: TrainingStart
) -> PreferenceJudge:
    """Return the judge, after checking that every engine of `verify.engines` can run it.

    Raises:
        Refused: an engine cannot run the judge.
    """
    built = preference_judge(judge, start)
    for name in config.verify.engines:
        if start.model:
            checked_settings(config, start.model, built, name)
        else:
            on_gpu = config.workers.gpus > 0
            choose_block_size(EngineConfig(name=name), built.shared_step, on_gpu=on_gpu)
    return built


def _learnt_from(
    config: TrainConfig, start: TrainingStart
) -> tuple[TrainingSource, tuple[int, ...], dict[str, Any]]:
    """Open the training data.

    Returns:
        The source of examples, the token ids of the labels, and the fingerprint of the prompts.

    Raises:
        Refused: a check failed; the message says what to do.
    """
    judge = config.judge
    if config.pairs:
        assert isinstance(judge, PreferenceConfig)
        built = _asked_by(config, judge, start)
        pairs = LabelledPairs.open(config.pairs, built, start)
        return pairs, built.label_ids, built.fingerprint()
    assert config.rewards is not None
    if isinstance(judge, PreferenceConfig):
        built = _asked_by(config, judge, start)
        rewards = open_rewards(config.rewards, built, start, config.train.seed)
        return rewards, built.label_ids, built.fingerprint()
    assert isinstance(judge, ClassifierConfig)
    if "vllm" in config.verify.engines:
        check_vllm_runs(start, on_gpu=config.workers.gpus > 0)
    fitting = classifier_fitting(judge, start)
    rewards = open_rewards(config.rewards, fitting, start, config.train.seed)
    limits = {"judge.max_tokens": fitting.max_tokens, "judge.truncate": fitting.side}
    return rewards, (), {"family": "classifier", **limits}


def train_judge(config: TrainConfig) -> None:
    """Train a judge. Calling this again with the same configuration resumes from the last
    checkpoint.

    Raises:
        Refused: a check failed before anything was done; the message says what to do.
        Incomplete: the training ended before its last step, or the engines give other rewards.
    """
    look = TrainingLook(config)
    with ray_faults(), no_empty_folders(look.run.root.scratch):
        look.run.make_writable()
        with Lease(look.run.state) as lease:
            if look.run.complete:
                log.info("complete already: %s/%s", look.run.uri, JUDGE)
                return
            connect()
            see_one_folder(look.run)
            _run(look, lease)


def _run(look: TrainingLook, lease: Lease) -> None:
    run, config, steps = look.run, look.config, look.steps
    lease.tell(lost=_stop)
    pool = PoolConfig(
        min_actors=config.workers.count,
        max_actors=config.workers.count,
        gpus=config.workers.gpus,
        cpus=config.workers.cpus,
        wait_s=config.workers.wait_s,
    )
    check_machines(pool)
    if look.stored is None:
        run.create(new_run(look.fingerprint, config.model_dump(mode="json"), {}))
    clear_scratch(run.root)
    task = look.task  # read only now: creating the folder has shown what its store can do
    last = Checkpoints(run.root, config.checkpoints.keep).last()
    if last is None or last.step < steps or _told(run) is None:
        _train_on(task, pool)
        last = Checkpoints(run.root, config.checkpoints.keep).last()
    lease.check()
    _finish(look, task, last, lease)


def _train_on(task: Task, pool: PoolConfig) -> None:
    """Train to the last step. Restart lost workers, as long as each start gets further.

    Raises:
        Incomplete: the workers were lost again at the same step, or a worker gave a final error.
    """
    checkpoints = Checkpoints(task.output, task.config.checkpoints.keep)
    tries, before = 0, -1
    while True:
        wait_for_machines(pool)
        listed = checkpoints.listed()
        step = listed[-1].step if listed else 0
        tries, before = (tries + 1 if step == before else 1), step
        log.info(
            "training from step %d to %d, %d workers on %d machines",
            step,
            task.steps,
            task.config.workers.count,
            len(machine_names()),
        )
        try:
            return fit(task, task.config)
        except WorkersLost as error:
            if tries >= TRIES:
                raise
            log.warning("%s", error)


def _stop(reason: str) -> None:
    """End this process as SIGTERM does, because another driver works on this run."""
    log.error("%s", reason)
    os.kill(os.getpid(), signal.SIGTERM)


def _told(run: RunFolder) -> dict[str, Any] | None:
    """Return the trainer's final report (`trained.json`); None if training has not ended."""
    stored = run.state.read("trained.json")
    report: dict[str, Any] | None = json.loads(stored) if stored else None
    return report


def fit(task: Task, config: TrainConfig) -> None:
    """Run Ray Train's workers to the last step.

    Raises:
        Incomplete: the workers ended early; the message is one sentence that says why.
    """
    from ray.train import RunConfig, ScalingConfig, TrainingFailedError

    from rm_ray.train.loop import worker
    from rm_ray.train.ray_train import JudgeTorchTrainer

    resources = {"CPU": config.workers.cpus}
    if config.workers.gpus:
        resources["GPU"] = config.workers.gpus
    with tempfile.TemporaryDirectory(prefix="rm_ray-ray-train-") as folder:
        trainer = JudgeTorchTrainer(
            worker,
            train_loop_config={"task": task},
            scaling_config=ScalingConfig(
                num_workers=config.workers.count,
                use_gpu=config.workers.gpus > 0,
                resources_per_worker=resources,
            ),
            run_config=RunConfig(storage_path=folder, name="train"),
        )
        try:
            trainer.fit()
        except TrainingFailedError as error:
            raise _in_a_sentence(error) from None


def _in_a_sentence(error: Any) -> RmRayError:
    """Return the first worker error that is an RmRayError, or a WorkersLost with one line of
    another.
    """
    failures = list(getattr(error, "worker_failures", {}).values())
    for failure in failures:
        cause = getattr(failure, "cause", failure)
        if isinstance(cause, RmRayError):
            return cause
    message = one_line(failures[0] if failures else error)
    return WorkersLost(
        f"the training ended before its last step: {message}; the same command goes on from the "
        "last checkpoint"
    )


def _finish(look: TrainingLook, task: Task, found: Checkpoint | None, lease: Lease) -> None:
    from rm_ray.train.finish import finish

    report = _told(look.run)
    if found is None or found.step < task.steps or report is None:
        raise Incomplete(
            "the workers ended before the last step; the same command goes on from the last "
            "checkpoint"
        )
    finish(look, task, found, report)
    lease.check()
    look.run.mark_complete({"steps": task.steps, **report["metrics"]})
    log.info("complete: %s/%s", look.run.uri, JUDGE)


def check_installed() -> None:
    """Check that the packages of the extra `train` are installed.

    Raises:
        ClusterError: a package is missing; the message names it.
    """
    for package in ("torch", "transformers", "accelerate", "peft", "tensorboardX"):
        if find_spec(package) is None:
            raise ClusterError(
                f"training needs the package {package}, which is not installed; on every machine: "
                "pip install 'rm_ray[train]'"
            )
