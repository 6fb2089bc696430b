"""Judges: a reward model with the way of asking it. One module a family."""
