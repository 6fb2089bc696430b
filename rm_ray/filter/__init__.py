"""The filter job: the documents of a corpus that its rewards choose, as a corpus.

Its files:

    __main__       the command line
    config         the configuration
    quotas         numbers by group, as they are typed
    rule           makes of the typed rule what each group may keep
    condition      the condition rule.where, which DuckDB works out
    column_checks  checks the columns that the configuration names
    checks         refuses before anything is counted or written
    sources        the scoring runs that are read, and the corpus behind them
    planning       finds the cuts, and bundles what they keep
    notes          what the plan keeps, and a resumed filter goes by
    fingerprint    what makes two filters the same
    counts         what is counted
    job            what a run has to be told of the job
    summary        the dry run's page, the closing lines, manifest.json

Inner rooms:

    count          which documents are kept: counted, never sorted
    copy           copies them, bundle by bundle
"""
