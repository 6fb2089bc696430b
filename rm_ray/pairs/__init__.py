"""Labelled pairs.

Its files:

    reading  opens tables of pairs for the jobs that use them
"""
