"""Tasks: a function of a batch, run for many batches at once.

On a cluster Ray runs them. On one machine processes of its own do, which are there in a moment,
where Ray takes seconds to start.

Its files:

    run     runs tasks in one of the next two ways
    here    processes of this machine
    on_ray  tasks of Ray
    ended   the result of a batch whose process ends
"""
