"""The status job: how a run, or a nightly job, stands, from its folder alone.

Its files:

    __main__  the command line
    look      looks at a run's folder
    nights    looks at a nightly job's folder
    text      says what was seen, as lines and as JSON
"""
