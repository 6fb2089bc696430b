"""Documents of a few plain sentences each, the same ones every time."""

import random

WHO = ("The baker", "A young nurse", "My neighbour", "The ferry pilot", "An old carpenter",
       "The librarian", "A visiting teacher", "The night guard", "Our postman",
       "The gardener")  # fmt: skip
DID = ("mended a broken chair", "counted the boats in the harbour", "wrote a long letter",
       "carried water up the hill", "planted beans along the fence", "read the paper aloud",
       "forgot the keys at home", "painted the kitchen door", "waited for the late train",
       "measured the old bridge")  # fmt: skip
WHEN = ("before the rain began", "early on Monday", "while the shop was closed", "after supper",
        "for the third time this year", "without any help", "in the cold of March",
        "as the lights went out", "just in time", "with great care")  # fmt: skip
THEN = ("Nobody in the village was surprised.", "It took most of the afternoon.",
        "The work was better than anyone had hoped.", "Two children watched from the wall.",
        "Everything was ready by the next morning.", "The cost came to about forty coins.",
        "A dog slept through all of it.", "Such days were rare that year.")  # fmt: skip


def documents(count: int) -> list[str]:
    """Return this many documents, of two to six sentences."""
    chance = random.Random(20240229)
    return [document(chance) for _ in range(count)]


def document(chance: random.Random) -> str:
    sentences = []
    for _ in range(chance.randint(1, 3)):
        sentences.append(f"{chance.choice(WHO)} {chance.choice(DID)} {chance.choice(WHEN)}.")
        sentences.append(chance.choice(THEN))
    return " ".join(sentences)
