"""Ways to make text worse. Pure: the same text, seed and other texts give the same worse text.

A kind takes a text, a random generator and some other texts of the corpus, and returns worse text.
No kind imitates the unseen kinds of the demo, which are left out of training on purpose.

Its files:

    kinds       all kinds by name
    rearranged  shuffles, repeats, replaces, mixes or draws words
    words       drops words, cuts words short, or takes words of another language
    lines       doubles, drops or breaks lines, or adds lines that web pages have
    phrases     words and lines that the kinds put into a text
"""
