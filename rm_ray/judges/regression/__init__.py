"""Regression reward models: a prompt and its completion, one score, times alpha.

Its files:

    keys    the section `judge` of this family
    judge   the judge: a question and its answer, one score, times alpha
"""
