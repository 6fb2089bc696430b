"""What is learnt from: where it is read, how it is held, in which order it comes, and how it is
packed.

Its files:

    pairs_source   labelled pairs as what is learnt from
    rewards_source rewards of another judge as what is learnt from
    examples       pairs as a worker holds them, and a batch of them as tensors
    rewarded       windows or documents with rewards, and a batch of them as tensors
    lists          lists of token ids in one array
    order          in which order examples are learnt from
    pack           windows that share their context, as one sequence with a tree mask
"""
