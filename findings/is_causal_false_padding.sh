#!/usr/bin/env bash
# One would guess: LlamaForSequenceClassification needs no attention mask for rows padded on the
# right. It finds the last token before the padding by `pad_token_id`, and no token sees what comes
# after it.
# What happens: with `is_causal: false` in config.json every token sees the padding as well. A short
# row then gets another logit beside a long row than alone. With a mask the two are the same.
# The setting is quietly obeyed by a class that is known as a causal one; config.json alone decides.
# Versions: transformers 5.19.0, torch 2.13.0, Python 3.11. Seen on 2026-11-28:
#   is_causal True, sdpa: alone 4.82, in a batch 4.82, and with a mask 4.82
#   is_causal True, eager: alone 4.82, in a batch 4.82, and with a mask 4.82
#   is_causal False, sdpa: alone 5.09, in a batch 5.24, and with a mask 5.09
#   is_causal False, eager: alone 5.09, in a batch 5.24, and with a mask 5.09
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    torch==2.13.0 transformers==5.19.0 tokenizers==0.23.3
cat > "$work/see.py" <<'PY'
import torch
from transformers import LlamaConfig, LlamaForSequenceClassification

short, long = [5, 6, 7], [9, 10, 11, 12, 13, 14, 15, 16]
alone, batch = torch.tensor([short]), torch.tensor([short + [0] * 5, long])
for causal in (True, False):
    for attention in ("sdpa", "eager"):
        torch.manual_seed(0)
        model = LlamaForSequenceClassification(LlamaConfig(
            vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=128,
            pad_token_id=0, num_labels=1, is_causal=causal, initializer_range=0.5,
            attn_implementation=attention)).eval()
        with torch.no_grad():
            calls = {"alone": model(input_ids=alone), "in a batch": model(input_ids=batch),
                     "and with a mask": model(input_ids=batch, attention_mask=(batch != 0).long())}
        seen = ", ".join(f"{name} {out.logits[0, 0].item():.2f}" for name, out in calls.items())
        print(f"is_causal {causal}, {attention}: {seen}")
PY
"$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
