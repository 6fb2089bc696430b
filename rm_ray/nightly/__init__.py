"""The nightly job: score what is new, report it, and filter it where asked.

Its files:

    __main__  the command line
    config    the configuration: a scoring run's, and what comes after it
    job       scores, reports and filters one night, resumable as a whole
    checks    refuses what would fail after an hour of an engine
    nights    which night has which segments of the run, and how far it has come
"""
