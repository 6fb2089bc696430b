"""QRM: chats; quantiles of a reward, named attributes, and their gated mean.

Its files:

    keys    the section `judge` of this family
    judge   the judge: chats; quantiles, attributes, and their gated mean
"""
