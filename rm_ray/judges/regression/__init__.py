"""Regression reward models: a prompt and its completion get one score, times alpha.

Its files:

    keys    the section `judge` of this family
    judge   the judge: a prompt and its completion, one score, times alpha
"""
