"""Decides which documents are kept. Documents are counted, never all sorted.

Its files:

    stretches   stretches of rows of the corpus
    left_out   documents that are left out, one by one
    documents   the facts about some documents, and their order
    reader      reads documents from the parts of scoring runs and from the corpus
    decision    decides for each document if it is kept, and why
    passes      counts all documents in tasks
    census      counts the effect of the rule on all documents
    ties        finds documents with equal rewards on both sides of a cut
"""
