"""The pairs job: make pairs of a real chunk and a worse chunk from a corpus.

Its files:

    __main__     the command line
    config       the configuration
    job          the job, as the machinery of runs needs it
    planning     the plan, and an estimate of the number of pairs
    donors       draws texts of other documents, for kinds that mix these in
    drawing      makes the random choices of each pair
    worsen       ways to make text worse
    worsening    makes a chunk worse by a rule
    writing      lets a language model write the worse chunk
    chat         prompts of an instruct model
    generator    the generator's model, tokenizer and engine
    making       makes the pairs of a shard's documents
    write_actor  the actor around one generator
    pipeline     puts the stages together
    table        the output: one row per pair
    reading      reads pairs again
    fingerprint  the settings that decide if two runs make the same pairs
    counts       the counts of a part
    summary      the dry run's page, the closing lines, manifest.json
"""
