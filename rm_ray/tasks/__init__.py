"""Runs tasks: a task calls a function for one batch, and many tasks run at once.

On a cluster Ray runs the tasks. On one machine its own processes run them, since these start in a
moment and Ray takes seconds to start.

Its files:

    run     runs tasks in one of the next two ways
    here    runs tasks in processes of this machine
    on_ray  runs tasks on Ray
    ended   the result of a batch whose process ended
"""
