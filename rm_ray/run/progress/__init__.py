"""What a run says of itself while it goes on.

Its files:

    outlook   what is left of a run, and what it will take
    log       says it every few seconds
"""
