"""Deciding which documents are kept: documents are counted and never sorted.

Its files:

    stretches   stretches of rows of the corpus
    documents   what is known of some documents, and their order
    reader      reads it from the parts of scoring runs, and from the corpus
    decision    decides what becomes of each document, and why
    passes      counts all documents in Ray tasks
    census      what the rule does to all of them
    ties        documents with equal rewards on both sides of a cut
"""
