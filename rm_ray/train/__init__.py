"""The training job: labelled pairs, or rewards of another judge, become a judge that scores.

`job` is the place to begin. Its files:

    __main__     the command line
    config       every key of the job
    job          the driver: look, train, export, verify, tell
    estimate     what --dry-run says
    start        the model or the shape to begin with, and its tokenizer
    task         what is learnt from, and what a worker has to know
    data         examples: where they are read, and their order
    ray_train    Ray Train's TorchTrainer, without what it does beside
    loop         what a worker runs, from the last checkpoint to the last step
    trainer      transformers' Trainer, with our losses, order and checkpoints
    losses       the objectives
    model        the model that learns
    heads        its head, cut down to the labels and widened again
    measures     how good a judge is on the validation split
    metrics      log lines, metrics.jsonl, TensorBoard
    checkpoints  checkpoints in any store, and the list of those that count
    finish       after the last step: write the judge, verify it, describe it
    export       the judge's weights and tokenizer
    verify       the engines judge what the trainer has judged
    card         judge.yaml and the model card
"""
