"""The A/B preference judge: 64-token chunks, each judged after all the text before it.

Its files:

    keys          the section `judge` of this family
    judge         the judge: makes prompts, and makes rewards of the answers
    windows       chooses the context that is shown before each judged chunk
    chunks        chooses the chunks to judge, if not all are judged
    stopping      the calibrated stop rule: stops once the side of the cut is clear enough
    markers       encodes the texts around a chunk, and the labels
    text_prompts  makes prompts that are exactly the tokens of the assembled string
"""
