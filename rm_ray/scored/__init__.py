"""A finished scoring run, for the jobs that use its rewards. They read it only through this room.

Its files:

    run          opens a finished run and reads its parts
    columns      checks columns of the rewards
    column_path  columns in words: `reward`, `attributes.coherence`
    passes       one pass over many parts, in tasks
"""
