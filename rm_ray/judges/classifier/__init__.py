"""Sequence classifiers: one prompt a document, one row of logits, reduced to a reward."""
