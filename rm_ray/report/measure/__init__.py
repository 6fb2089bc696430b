"""Counting a night's rewards: one pass over the parts of a scoring run.

Its files:

    runs       opens tonight's run, and the one that it is compared with
    measured   counts a night's rewards in Ray tasks
    nights     a night group by group
    chosen     chooses the documents that are shown
    excerpts   reads how these begin, chunk by chunk
    retention  what thresholds would keep
    blind      where the judge sees something else than quality
    facts      what made the rewards, and what it cost
"""
