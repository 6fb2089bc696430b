"""The training job: labelled pairs, or rewards of another judge, become a judge that scores.

`job` is the place to begin. Its files:

    config       every key of the job
    job          the driver: look, train, export, verify, tell
    task         what is learnt from, and what a worker has to know
    start        the model or the shape to begin with, and its tokenizer
    ray_train    Ray Train's TorchTrainer, without what it does beside
    loop         what a worker runs: transformers' Trainer with our losses, order and checkpoints
    pairs_source labelled pairs as what is learnt from
    examples     examples, and a batch of them as tensors
    order        in which order examples are learnt from
    pack         windows that share their context, as one sequence with a tree mask
    losses       the objectives
    model        the model that learns
    heads        its head, cut down to the labels and widened again
    checkpoints  checkpoints in any store, and the list of those that count
    metrics      log lines, metrics.jsonl, TensorBoard
    finish       after the last step: write the judge, verify it, describe it
    export       the judge's weights and tokenizer
    verify       the engines judge what the trainer has judged
    card         judge.yaml and the model card
    estimate     what --dry-run says
"""
