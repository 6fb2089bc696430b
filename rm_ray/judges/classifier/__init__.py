"""Sequence classifiers: one prompt per document gives one row of logits, reduced to a reward.

Its files:

    keys    the section `judge` of this family
    judge   the judge: a text or a chat, logits, reduced to one number
"""
