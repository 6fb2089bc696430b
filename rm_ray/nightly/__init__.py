"""The nightly job: scores the new documents of a corpus, reports on them, and can filter them.

Its files:

    __main__     the command line
    config       the configuration: a scoring run's, plus report and filter
    job          scores, then finishes each night that is not done, resumable as a whole
    finishing    reports one night, and delivers or holds what its filter keeps
    holding      decides what is held of a night
    checks       refuses a configuration that would fail after an hour of an engine
    nights       the nights: their segments of the scoring run, and their verdicts
    deliveries   what is delivered or held of a night, and who decided it
    decisions    the command line of --release and --accept
    release      delivers what was held
    accept       accepts a group as it was when it alerted last
    acceptances  the files of what was accepted
    repeats      names tonight's documents that an earlier night has delivered
    pages        writes the page of a night again, after a decision
    index        one page of all nights
"""
