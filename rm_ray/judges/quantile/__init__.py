"""QRM: judges chats, and gives quantiles of a reward, named attributes and their gated mean.

Its files:

    keys    the section `judge` of this family
    judge   the judge: chats become quantiles, attributes and their gated mean
"""
