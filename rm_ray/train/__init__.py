"""The training job: labelled pairs, or rewards of another judge, become a judge that scores.

Read `job` first. The files:

    __main__     the command line
    config       every key of the job
    job          the driver: look, train, export, verify, describe
    estimate     the text of --dry-run
    start        the model or the shape to begin with, and its tokenizer
    task         the task of a worker, and the interface of training data
    data         examples: reading, order, batches
    ray_train    Ray Train's TorchTrainer, without two of its side effects
    loop         the code of a worker, from the last checkpoint to the last step
    arguments    the configuration as the arguments of transformers' Trainer
    trainer      transformers' Trainer, with our losses, order and checkpoints
    losses       the objectives
    model        the model that learns
    heads        the head of the model, cut down to the labels and widened again
    measures     quality measures on the validation split
    metrics      log lines, metrics.jsonl, TensorBoard
    checkpoints  checkpoints in any store, and the list of complete ones
    finish       after the last step: write the judge, verify it, describe it
    export       the judge's weights and tokenizer
    verify       the comparison of the engines' rewards with the trainer's
    card         judge.yaml and the model card
"""
