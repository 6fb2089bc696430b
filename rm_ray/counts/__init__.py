"""Counts that add up, and the results that follow from their sums. Everything is mergeable and
pure.

Its files:

    summable     numbers that add up over documents, parts and runs
    order        one exact order of all documents, best first
    cells        documents and tokens by cell, sparse and sorted
    cuts         exact cuts of the order, found in counts
    ranks        percentile ranks from counts
    agreement    how far two judges agree on the best texts
    histograms   histograms of rewards by group
    moments      mean and variance from exact sums
    samples      a sample of rows that merges
"""
