#!/usr/bin/env bash
# One would guess: with padding on the right and an attention mask, the other rows of a batch do not
# change the logits of a prompt.
# What happens: a model of the `longrope` kind, as Phi-3 with 128k tokens, chooses its short or its
# long factors once for a batch, by the longest row. Beside a prompt of more tokens than
# `original_max_position_embeddings` a short prompt is read with the long factors, and its logits
# are others. What a prompt gets depends on its neighbours. Padding to that length does it as well.
# Versions: transformers 5.19.0, torch 2.13.0, Python 3.11. Seen on 2026-11-28:
#   alone: likeliest token 56
#   beside 20 tokens: likeliest token 56, change 0.00
#   beside 32 tokens: likeliest token 56, change 0.00
#   beside 33 tokens: likeliest token 18, change 1.01
#   beside 40 tokens: likeliest token 18, change 1.01
#   padded to 33: likeliest token 18, change 1.01
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    torch==2.13.0 transformers==5.19.0 tokenizers==0.23.3
cat > "$work/see.py" <<'PY'
import torch
from transformers import Phi3Config, Phi3ForCausalLM

torch.manual_seed(0)
model = Phi3ForCausalLM(Phi3Config(
    vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
    num_attention_heads=2, num_key_value_heads=2, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    max_position_embeddings=128, original_max_position_embeddings=32, initializer_range=0.3,
    rope_parameters={"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0] * 8,
                     "long_factor": [4.0] * 8, "original_max_position_embeddings": 32})).eval()
short = list(range(5, 15))


def last_logits(rows, least=0):
    width = max(least, *map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask).logits[0, len(short) - 1]


alone = last_logits([short])
print(f"alone: likeliest token {alone.argmax()}")
for tokens in (20, 32, 33, 40):
    beside = last_logits([short, [3 + i * 7 % 60 for i in range(tokens)]])
    change = (beside - alone).abs().max()
    print(f"beside {tokens} tokens: likeliest token {beside.argmax()}, change {change:.2f}")
padded = last_logits([short], 33)
print(f"padded to 33: likeliest token {padded.argmax()}, change {(padded - alone).abs().max():.2f}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
