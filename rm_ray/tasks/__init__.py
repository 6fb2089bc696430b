"""Tasks: a function of a batch, run for many batches at once.

On a cluster Ray runs them. On one machine processes of its own do, which are there in a moment,
where Ray takes seconds to start.

run.py      chooses between the two; everybody calls this file
here.py     processes of this machine
on_ray.py   Ray's tasks
ended.py    what is said of a batch whose process ends
"""
