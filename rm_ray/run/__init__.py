"""What makes any job resumable: its folder, lease, rounds, commits, counting and truthful end.

Its files:

    shard_job  what a run has to be told of a job
    summary    what a job says of its run
    counts     what is counted of any job
    survey     what is there before a run, and what is left to do
    execute    a run from its beginning to its end
    rounds     the one pipeline, over what is missing
    pipeline   a round as a dataset of Ray
    staging    pieces of shards that failed as a whole
    stopping   stops when asked to
    finish     counts every part, and says the truth
    totals     counts parts by their footers

Inner rooms:

    output     the run's folder, its lease, and how parts are written
    faults     what goes wrong, and what is tried next
    standing   how a run stands: in its folder, in metrics, in money
    progress   says how far a run is while it goes on
"""
