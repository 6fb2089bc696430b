"""The report job: how good one night's documents are, against the nights before."""
