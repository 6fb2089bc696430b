"""The scoring job: gives each document of a corpus a reward.

Its files:

    __main__      the command line
    config        the configuration
    job           defines the job for `run`, which executes it
    corpus_job    the job over documents of a corpus, which making pairs shares
    planning      cuts new files into shards
    estimate      estimates the corpus from a sample of documents
    cost          estimates the cost of a run
    fingerprint   lists the settings that rewards depend on
    library       chooses the library that tokenises: fastokens, or tokenizers
    pipeline      puts the stages together
    read_stage    reads and tokenises, in CPU tasks
    engine_actor  the actor around one engine
    judge_actor   the actor that judges
    judge_shard   takes a shard's documents through the engine
    each_document finds the judge of each document, which may be judged in part
    stop_rules    finds the stop rule that a configuration names
    bunches       cuts a shard into bunches of documents that are begun together
    asking        makes prompts while the engine has room
    examples      checks a judge by examples with published rewards
    known_good    finds a document that an engine must be able to judge
    rewards       makes the output: one row per document
    calibrations  finds the calibration of a judge's rewards
    counts        the counts of documents, processes and estimates
    summary       writes the dry run's page, the closing lines and metrics.json
"""
