"""Labelled pairs.

Its files:

    reading  opens tables of pairs for the jobs that use them
    table    the columns of pairs
"""
