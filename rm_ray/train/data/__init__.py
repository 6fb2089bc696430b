"""The training data: how examples are read, held, ordered and packed.

The files:

    pairs_source   labelled pairs as a TrainingSource
    rewards_source rewards of another judge as a TrainingSource
    examples       pairs in a worker's memory, and a batch of them as tensors
    rewarded       windows or documents with rewards, and a batch of them as tensors
    lists          lists of token ids in one array
    order          the order of the examples
    pack           windows that share their context, as one sequence with a tree mask
"""
