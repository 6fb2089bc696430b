"""Labelled pairs: a real chunk and a worse one after the same context.

Its files:

    reading   reads the tables of pairs
"""
