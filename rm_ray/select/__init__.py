"""The decision which documents are kept, for a part of the cost of judging all of them.

Its files:

    __main__     the command line
    config       the configuration
    job          runs the stages one after the other
    began        what a selection began with: corpus, settings, size of the sample
    stages       the configurations of the stages, each a scoring run
    stage_rows   reads the rows of stages
    sample       reads the documents that were judged whole
    shares       the share of the documents that a rule keeps
    calibrated   calibrates the chain, and keeps what came of it
    sides        decides on documents without judging them whole
    doubts       writes the table of the documents that a stage is to judge
    gathering    makes the decided rows of a shard
    gather       writes the decided rows of all stages in one folder
    cut          the exact cut, and wider bands where it lies outside
    outcome      counts the decided documents
    results      makes the figures, and writes them
    figures      the figures of select.json
    words        the sentences about a selection
    page         the page
    dry_run      the page of --dry-run
    statistics   how strict the stop rule has to be, and how wrong it is; pure
"""
