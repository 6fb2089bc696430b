"""The output of a run: its folder, the lease on it, and its parts.

Its files:

    folder      the run's folder: its files, and which shards are committed
    run_json    run.json: fingerprint, configuration, versions
    segments    the plan, segment by segment
    lease       keeps a second driver out
    process     identifies a process by more than its number
    one_folder  checks that all machines see the same folder
    shard_row   a shard as one row of a Ray dataset
    commit      the commit stage: writes each shard as one part, once
    receipts    a shard that is written as several files is done when its receipt exists
    pieces      cuts a shard into pieces around its failed rows
"""
