"""Joins Ray's cluster, and knows which machines it has and what fits on them.

Ray is imported inside functions, so a run without Ray does not wait for its import.

Its files:

    join      joins a cluster, or starts Ray on this machine
    fit       says what fits on the machines, and waits for more
    waiting   waits while something is missing
    machines  the machines that are there
"""
