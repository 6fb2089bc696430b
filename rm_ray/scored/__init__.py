"""A finished scoring run, as the jobs see it that use its rewards: their only door to it.

Its files:

    run          opens a finished run: its parts, and how they are read
    columns      checks columns of its rewards
    column_path  columns in words: `reward`, `attributes.coherence`
    groups       documents that share the values of some columns
    passes       one pass over many parts, in Ray tasks
"""
