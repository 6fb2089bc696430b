#!/usr/bin/env bash
# One would guess: `rope_parameters` may give each type of layer its own kind of rotary embedding,
# and `longrope` is one of the kinds. What works for one long prompt works for the next.
# What happens: the first prompt of more tokens than `original_max_position_embeddings` goes
# through, and every long one after it raises UnboundLocalError: the long factors are made once,
# and the code that should find them again does not. Short prompts in between go through. Without
# types of layers (Phi-3), no prompt fails.
# Versions: transformers 5.19.0, torch 2.13.0, Python 3.11. Seen on 2026-11-28:
#   Gemma3ForCausalLM, tokens: 10 ok, 40 ok, 40 UnboundLocalError, 10 ok, 40 UnboundLocalError
#   Phi3ForCausalLM, tokens: 10 ok, 40 ok, 40 ok, 10 ok, 40 ok
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    torch==2.13.0 transformers==5.19.0 tokenizers==0.23.3
cat > "$work/see.py" <<'PY'
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, Phi3Config, Phi3ForCausalLM

long = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 8,
        "long_factor": [4.0] * 8, "original_max_position_embeddings": 32, "factor": 4.0}
plain = {"rope_type": "default", "rope_theta": 10000.0}
size = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 128,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
torch.manual_seed(0)
for model in (
    Gemma3ForCausalLM(Gemma3TextConfig(
        **size, head_dim=16, sliding_window=16, layer_types=["sliding_attention", "full_attention"],
        rope_parameters={"full_attention": dict(long), "sliding_attention": plain})),
    Phi3ForCausalLM(Phi3Config(
        **size, original_max_position_embeddings=32, rope_parameters=dict(long))),
):
    seen = []
    for tokens in (10, 40, 40, 10, 40):
        try:
            with torch.no_grad():
                model.eval()(input_ids=torch.tensor([[3 + i * 7 % 60 for i in range(tokens)]]))
            seen.append(f"{tokens} ok")
        except UnboundLocalError as error:
            seen.append(f"{tokens} {type(error).__name__}")
    print(f"{type(model).__name__}, tokens: {', '.join(seen)}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
