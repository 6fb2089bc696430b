"""The report job: how good one night's documents are, against the nights before.

Its files:

    __main__  the command line
    config    the configuration
    figures   every figure of a report: what report.json holds
    job       measures a night, compares it, and shows it

Inner rooms, in this order:

    measure   one pass over the rewards of a night
    compare   the night beside its baseline: effects, chance, alerts, history
    show      the page, the summary and their charts
"""
