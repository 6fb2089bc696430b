"""Engines that write: token ids in, token ids out that the model has drawn.

Its files:

    generator      what such an engine is
    vllm_generate  the engine of vLLM
"""
