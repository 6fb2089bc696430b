"""The conversion of Lance datasets: the rows of one version, with the types that they have.

pylance reads the rows, so it is imported inside functions only: it starts threads, and the fork
server must have none.

Its files:

    dataset    opens a version of a dataset, and lists its fragments
    columns    the columns of the output, and the types that are refused
    plan       the lines of a plan: fragments, cut into spans of rows
    planning   plans a version once, and goes on with it
    counts     the counts of a conversion
    stage      converts a shard: its files first, then its receipt
    summary    the dry run's page, the closing lines, manifest.json
    job        the job as a run sees it
"""
