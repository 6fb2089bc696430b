"""The evaluation job: how good a judge is, where it is blind, and what its rewards are worth as
probabilities.

Its files:

    __main__     the command line
    config       the configuration
    job          judges pairs, or opens a scoring run, and makes the figures
    pairs_input  a table of pairs as the scoring machinery reads a corpus
    pair_tokens  pairs as token ids
    pair_judge   asks the preference judge about both chunks of a pair
    labelled     labelled rewards as arrays
    grouping     the groups of texts that figures are made of
    statistics   AUC, resampling, intervals, what could have been seen
    measure      figures of all texts and of groups
    texts        what texts say without a judge
    baselines    what that reaches
    sources      whether a judge sorts sources or quality
    calibrating  fits probabilities, and shows them on documents held out
    against      two judges side by side
    making       all figures together
    figures      every figure: what evaluation.json holds
    words        what the figures say
    charts       the charts
    page         the page
    markdown     the summary
    folder       what is written
"""
