"""The progress of a run, for people and programs that ask for it.

Its files:

    status    the progress of a run, as its driver stores it in the run's folder
    metrics   the progress of a run as metrics of Ray
    price     the cost of engines, in hours and in money
"""
