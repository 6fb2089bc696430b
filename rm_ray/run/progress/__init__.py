"""The reports of a run during its work.

Its files:

    outlook   estimates the work that is left and the time it takes
    log       reports the progress every few seconds
"""
