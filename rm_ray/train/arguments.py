"""The configuration as the arguments of transformers' Trainer."""

from pathlib import Path

from transformers import TrainingArguments

from rm_ray.train.task import Task

# One file with all weights, so that a run can resume with another number of workers.
_FSDP = {"state_dict_type": "FULL_STATE_DICT", "reshard_after_forward": True}


def training_arguments(task: Task, scratch: Path) -> TrainingArguments:
    """Return the arguments of a worker's Trainer, which writes to the folder `scratch`."""
    config, schedule = task.config, task.config.train.schedule
    sharding = {"fsdp": True, "fsdp_config": _FSDP} if config.train.sharded else {}
    return TrainingArguments(
        output_dir=str(scratch),
        max_steps=task.steps,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=config.accumulated,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type=schedule.kind,
        warmup_steps=schedule.warmup_steps,
        weight_decay=schedule.weight_decay,
        adam_beta1=schedule.betas[0],
        adam_beta2=schedule.betas[1],
        max_grad_norm=schedule.clip,
        logging_steps=config.log.every_steps,
        save_strategy="steps",
        save_steps=config.checkpoints.every_steps,
        eval_strategy="steps",
        eval_steps=config.validation.every_steps,
        bf16=config.train.precision == "bfloat16",
        gradient_checkpointing=config.train.gradient_checkpointing,
        use_cpu=not config.workers.gpus,
        seed=config.train.seed,
        data_seed=config.train.seed,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        logging_nan_inf_filter=False,
        ddp_find_unused_parameters=False,
        **sharding,
    )
