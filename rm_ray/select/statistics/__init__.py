"""Finds how strict a stop rule has to be, and how often it is wrong, from a sample. Pure.

Its files:

    sampled    the sample: documents that were judged whole, as arrays
    wanted     what a selection wants: which documents are kept, how many may be wrong
    limits     exact limits of shares, and how many documents a sample needs
    bands      where the cut lies, by order statistics
    fitting    fits the forecasts of the stop rule and of the cheap judge
    cheap      the cheap judge's decision: thresholds beyond which it decides alone
    chain      the cheap judge and then the stop rule, applied to documents
    trials     tests strictnesses on one side of the cut
    calibrate  chooses how strict the chain has to be, with a measured error
    audit      how often the chain was wrong, on documents that were judged whole
"""
