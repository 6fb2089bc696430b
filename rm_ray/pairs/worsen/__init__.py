"""Ways to make text worse. Pure and seeded: the same text, seed and other texts give the same junk.

A kind takes a text, a random generator and some other texts of the corpus, and gives worse text.
None of them imitates the demo's unseen kinds, which are left out of training on purpose.

Its files:

    kinds       all kinds by name
    rearranged  words in another order, again and again, replaced, mixed or drawn
    words       words that are lost, cut short or of another language
    lines       lines that are doubled, lost, broken elsewhere, or framed by those of a page
    phrases     words and lines that the kinds put into a text
"""
