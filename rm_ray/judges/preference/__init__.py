"""The A/B preference judge: 64-token chunks, each judged after all the text before it.

Its files:

    keys          the section `judge` of this family
    judge         the judge: its prompts, and what its answers mean
    windows       which tokens of a document are shown, and which are judged
    chunks        which chunks are judged where fewer than all are asked for
    markers       what stands around a chunk, and the labels
    text_prompts  prompts that are exactly the tokens of the assembled string
"""
