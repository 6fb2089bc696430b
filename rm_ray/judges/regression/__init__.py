"""Regression reward models: a prompt and its completion, one score, times alpha."""
