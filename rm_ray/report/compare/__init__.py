"""Comparing a night with the nights before it, and telling chance from change.

Its files:

    history     the nights before, a Parquet file each
    past        reads them, and says what is odd about them
    baseline    what a night is compared with
    effects     how far two histograms are apart, and how far by chance
    usual       what counts and shares usually are
    fixed       changes so large that few nights tell them
    creep       rewards that move a little every night
    comparison  a group's night beside its baseline
    rules       what each rule has to say of a group
    alerts      which of that is an alert: Holm over all rules
    folding     alerts that another alert says already
    mix         how a change splits into groups
    trend       the nights as points of a line
    groups      the figures of each group
"""
