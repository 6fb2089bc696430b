"""Joins Ray's cluster, and knows which machines it has.

Ray is imported inside functions, so a run without Ray does not wait for its import.

Its files:

    fit  joins a cluster, and says what fits on its machines
"""
