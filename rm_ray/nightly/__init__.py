"""The nightly job: scores the new documents of a corpus, reports on them, and can filter them.

Its files:

    __main__  the command line
    config    the configuration: a scoring run's, plus report and filter
    job       scores, reports and filters one night, resumable as a whole
    checks    refuses a configuration that would fail after an hour of an engine
    nights    the nights: their segments of the scoring run, and their verdicts
"""
