"""How a model is asked about documents, and what its answers mean: a folder for each family.

Its files:

    judge         what a judge is: a tokenizing half and a judging half
    families      builds a judge of the family that is named
    sections      the section `judge` of a configuration
    keys          the keys that several families have
    text          documents that are one column of text
    pairs         documents that are a prompt and its completion
    chats         documents that are chats, or are shown as one
    documents     a document given by hand, as columns
    chat_shapes   makes messages of the ways in which corpora hold chats
    template      renders chats with a model's template
    rendering     keeps a rendered chat's text apart from the template's
    values        nested values, and all strings in one
    tokens        reads a model's tokenizer
    plain         separates tokens that a tokenizer obeys from plain text
    encoding      encodes text as plain text and nothing else
    fast_encoding encodes documents by fastokens where it gives the ids of tokenizers
    frame         puts special tokens around a prompt, and cuts what does not fit
    whole         judges that are asked about a document as a whole
    reduction     makes one number of a classifier's logits
    calibration   from rewards to probabilities

Inner rooms, one a family:

    preference    64-token chunks, each judged A or B after all the text before it
    classifier    sequence classifiers
    regression    a prompt and its completion, one score
    quantile      QRM

A family of one's own is a folder beside these, with `keys.py` and `judge.py`:

- its judge is a WholeJudge, which asks about a document as a whole, or follows the protocol Judge;
- its read-out is one of `engines/read_outs`: logits of labels, of a classifier, or of known heads;
- its builder refuses, with a JudgeError, a tokenizer, labels or a length that do not fit;
- `keys.Family`, `sections` (twice), `families` and the layout test name it: tests say what lacks.
"""
