"""The report job: compares the quality of one night's documents with the nights before.

Its files:

    __main__  the command line
    config    the configuration
    facts     parts of a report beside its figures: files, repeated documents, decisions
    figures   all figures of a report, as report.json holds them
    job       measures a night, compares it, and shows it

Inner rooms, in this order:

    measure   one pass over the rewards of a night
    compare   the night beside its baseline: effects, chance, alerts, history
    show      the page, the summary and their charts
"""
