"""The pairs job: from a corpus to pairs of a real chunk and one made worse.

Its files:

    __main__     the command line
    config       the configuration
    job          what a run has to be told of the job
    planning     what is to be done, and an estimate of the pairs
    donors       texts of other documents, which some kinds mix in
    drawing      what is drawn for each pair
    worsen       ways to make text worse
    worsening    a chunk made worse by a rule
    writing      a chunk that a language model writes
    chat         prompts of an instruct model
    generator    the generator's model, tokenizer and engine
    making       takes a shard's documents to its pairs
    write_actor  the actor around one generator
    pipeline     puts the stages together
    table        the output: one row a pair
    reading      reads pairs again
    fingerprint  what makes two runs the same pairs'
    counts       what is counted
    summary      the dry run's page, the closing lines, manifest.json
"""
