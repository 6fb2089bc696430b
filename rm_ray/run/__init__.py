"""Runs any job: plans it, repeats rounds, commits, counts, and resumes where a run has ended.

Its files:

    shard_job     the interface between a run and its job
    summary       the job's own part of a run's reports
    counts        the counts that every job has
    survey        looks at the output folder and the corpus before a run
    execute       a run from its beginning to its end
    rounds        repeats the pipeline over the missing shards
    pipeline      a round as a dataset of Ray
    unit_tasks    the one stage of a job without engines: a task does a unit
    units_on_ray  this stage as tasks of Ray Data, on a cluster
    staging       pieces of shards that failed as a whole
    stopping      stops in good order when asked to
    finish        counts every part, and reports the result
    totals        counts parts by their footers
    changed       finds planned input files that have changed since

Inner rooms:

    output     the run's folder, its lease, and its parts
    faults     faults, and the rows that the next round tries
    standing   the progress of a run, as stored: in its folder, in metrics, in money
    progress   reports the progress of a run during its work
"""
