"""Engines run a model: token ids in, numbers out. Nothing here knows of documents.

Its files:

    engine             defines an engine, and the settings that it starts with
    generate           engines that write
    keys               the section `engine` of a configuration
    start              starts the engine that the configuration names
    read_outs          the numbers, or tokens, that an engine gives for a prompt
    vllm               the engine of vLLM for logits of labels
    vllm_pooling       the engine of vLLM for classifiers and heads
    vllm_quantile      QRM as an architecture of vLLM
    vllm_worker        ties processes of a split model to their engine's process
    vllm_question      asks vLLM if it takes a model
    prefix_cache       a faster look-up in vLLM's prefix cache
    transformers       the engine of transformers
    transformers_models  reads numbers from each kind of model there
    quantile_heads     the heads of QRM
    heads              checks the head that a checkpoint names
    sharing            predicts how many tokens an engine forwards
    runnable           refuses models that an engine would run wrongly
    config_parts       reads the parts of a model's config.json
    weights            finds and identifies a model's weights
    hub                brings a model of the hub onto a machine
    stored             brings a model of an object store onto a machine
    fetch              fetches weights once per machine
    files              refuses a model's folder that engines would misread
    identity           names a model by its content
    turns              lets processes of one machine take turns
    watchdog           ends a process that has been silent for too long
"""
