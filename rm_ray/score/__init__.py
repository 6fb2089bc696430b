"""The scoring job: a reward for each document of a corpus.

Its files:

    __main__      the command line
    config        the configuration
    job           what a run has to be told of the job
    planning      cuts new files into shards
    estimate      estimates the corpus from a sample of documents
    cost          what a run would cost
    fingerprint   what makes two runs the same judge's
    library       chooses the library that tokenises: fastokens, or tokenizers
    pipeline      puts the stages together
    read_stage    reads and tokenises, in CPU tasks
    engine_actor  the actor around one engine
    judge_actor   the actor that judges
    judge_shard   takes a shard's documents through the engine
    asking        makes prompts while the engine has room
    examples      checks a judge by examples with published rewards
    known_good    finds a document that an engine must be able to judge
    rewards       the output: one row a document
    calibrations  finds what makes probabilities of a judge's rewards
    counts        what is counted
    summary       the dry run's page, the closing lines, metrics.json
"""
