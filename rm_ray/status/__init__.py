"""The status job: shows the progress of a run or of a nightly job, from its folder alone.

Its files:

    __main__    the command line
    look        looks at a run's folder
    nights      looks at a nightly job's folder
    selection   looks at a selection's folder
    text        writes the status as lines and as JSON
    prometheus  writes the status as metrics
    table       shows several runs, a line each
"""
