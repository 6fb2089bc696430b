"""Engines that write take token ids, and return token ids that the model has drawn.

Its files:

    generator      defines an engine that writes
    vllm_generate  the engine of vLLM
"""
