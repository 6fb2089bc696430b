"""What a run leaves behind: its folder, who may write there, and how parts are written.

Its files:

    folder      the run's folder: what is in it, what counts as done
    run_json    what a run is: fingerprint, configuration, versions
    segments    the plan, segment by segment
    lease       keeps a second driver out
    process     tells which process a number is of
    one_folder  checks that all machines see the same folder
    shard_row   a shard as one row of a Ray dataset
    commit      the commit stage: one shard, one part, written once
    pieces      the pieces between a shard's rows that failed
"""
