"""The evaluation job: how good a judge is, on what it fails, and its rewards as probabilities.

The files:

    __main__     the command line
    config       the configuration
    job          the driver: judges pairs, or opens a scoring run, and makes the figures
    pairs_input  a table of pairs as a corpus of the scoring job
    pair_tokens  pairs as token ids
    pair_judge   a judge of both chunks of a pair
    labelled     labelled rewards as arrays
    grouping     the groups of texts
    statistics   AUC, resampling, intervals, smallest differences
    measure      figures of all texts and of groups
    texts        scores of texts without a judge
    baselines    figures of these scores
    sources      the test for sorting by source instead of quality
    calibrating  fits probabilities, and tests them on held-out documents
    against      the comparison of two judges
    making       all figures together
    figures      the classes of all figures, as in evaluation.json
    words        the figures in sentences
    charts       the charts
    page         the HTML page
    markdown     the Markdown summary
    folder       the files of an evaluation
"""
