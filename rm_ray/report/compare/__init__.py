"""Comparing a night with the nights before it, and telling chance from change.

Its files:

    history     the files of the earlier nights
    past        opens the history, and warns of oddities in it
    baseline    pools the nights that a night is compared with
    effects     distance between two histograms, and how much of it is chance
    usual       predicts counts and shares from the nights before
    fixed       changes so large that they alert even after few nights
    creep       rewards that move a little every night
    comparison  a group's night beside its baseline
    candidate   a candidate for an alert
    rules       the candidates for alerts: one for each rule and group
    alerts      chooses the candidates that alert: Holm over all rules
    folding     folds an alert into another that covers it
    repeats     counts documents that came before, and finds too many of them
    seen_files  the files of the history with hashes of each night's documents
    mix         splits a change of the mean by group
    trend       the nights as points of a line
    groups      the figures of each group
"""
