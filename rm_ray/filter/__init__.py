"""The filter job: writes the documents that their rewards choose as a new corpus.

Its files:

    __main__       the command line
    config         the configuration
    delivery       the configuration of what is left out
    quotas         numbers by group, as they are typed
    rule           turns the typed rule into a budget for each group
    condition      the condition rule.where, evaluated by DuckDB
    column_checks  checks the columns that the configuration names
    checks         refuses to run before anything is counted or written
    sources        the scoring runs that are read, and the corpus behind the runs
    planning       finds the cuts, and bundles the documents to keep
    notes          the notes in each plan segment, which a resumed filter reads
    fingerprint    the settings that make two filters the same
    counts         the counts of a filter
    job            the job as a run sees it
    summary        the dry run's page, the closing lines, manifest.json

Inner rooms:

    count          decides which documents are kept; counts, never sorts all
    copy           copies the kept documents, bundle by bundle
"""
