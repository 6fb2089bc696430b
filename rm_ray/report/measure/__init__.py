"""Counting a night's rewards: one pass over the parts of a scoring run.

Its files:

    runs       opens tonight's run, and the run of the baseline
    measured   counts a night's rewards in tasks
    nights     a night group by group
    seen       a sketch of the documents of a night, to find those that come again
    seen_texts hashes the texts of a night, for runs without ids
    dates      the dates with which the names of nights begin
    files_came the files that came, with rows and without
    chosen     chooses the documents that the report shows
    present    the corpus of a run as it lies now
    beside     documents of the groups with alerts, beside those of the nights before
    excerpts   reads the beginnings of the chosen documents, chunk by chunk
    retention  documents and tokens that each threshold would keep
    blind      signs that the judge sees something else than quality
    facts      the run that made the rewards, and its cost
"""
