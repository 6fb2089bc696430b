"""Asks a model about documents, and makes rewards of its answers: one folder per family of judges.

Its files:

    judge         defines a judge: a tokenizing half and an asking half
    families      builds a judge of the family that is named
    sections      the section `judge` of a configuration
    keys          the keys that several families have
    text          tokenises documents that are one column of text
    pairs         tokenises documents that are a prompt and its completion
    chats         tokenises documents that are chats, or are shown as chats
    documents     turns a document given by hand into columns
    chat_shapes   makes messages of the ways in which corpora hold chats
    template      renders chats with a model's template
    rendering     tells a document's text from the template's in a rendered chat
    values        converts nested values, and works on all strings inside one
    tokens        reads a model's tokenizer
    plain         separates tokens that a model obeys from plain text
    encoding      encodes text as plain text and nothing else
    fast_encoding encodes documents by fastokens, if it gives the ids of tokenizers
    frame         puts special tokens around a prompt, and cuts long documents
    whole         judges whole documents
    reduction     makes one number of a classifier's logits
    calibration   turns rewards into probabilities

Inner rooms, one per family:

    preference    64-token chunks, each judged A or B after all the text before it
    classifier    sequence classifiers
    regression    a prompt and its completion, one score
    quantile      QRM

To add a family, add a folder beside these, with `keys.py` and `judge.py`:

- its judge is a WholeJudge, if it asks about a document as a whole, or follows the protocol Judge;
- its read-out is one of `engines/read_outs`: logits of labels, of a classifier, or of known heads;
- its builder refuses, with a JudgeError, a tokenizer, labels or a length that do not fit;
- name it in `keys.Family`, in `sections` (twice), in `families` and in the layout test. Tests name
  the places that are missing.
"""
