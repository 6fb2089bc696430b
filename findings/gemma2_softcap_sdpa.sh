#!/usr/bin/env bash
# One would guess: `attn_logit_softcapping` in config.json caps the scores of the attention (50 in
# the released Gemma 2 models), or the model says that it cannot.
# What happens: the default attention of transformers, sdpa, leaves the cap out without a word. It
# gives what eager attention gives with the cap set to null. Only eager obeys the cap.
# The queries and keys here are scaled up, so that the scores come up to the cap.
# Versions: transformers 5.19.0, torch 2.13.0, Python 3.11. Seen on 2026-11-28:
#   cap 5.0, attention by default (sdpa): 0.58
#   cap 5.0, attention eager (eager): -3.31
#   cap None, attention by default (sdpa): 0.58
#   cap None, attention eager (eager): 0.58
#   warnings on stderr: 0 lines
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    torch==2.13.0 transformers==5.19.0 tokenizers==0.23.3
cat > "$work/see.py" <<'PY'
import torch
from transformers import Gemma2Config, Gemma2ForSequenceClassification

for cap in (5.0, None):
    for attention in (None, "eager"):
        torch.manual_seed(0)
        model = Gemma2ForSequenceClassification(Gemma2Config(
            vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=2, head_dim=16, query_pre_attn_scalar=16,
            sliding_window=64, attn_logit_softcapping=cap, num_labels=1, pad_token_id=0,
            attn_implementation=attention)).eval()
        torch.nn.init.normal_(model.score.weight)
        for layer in model.model.layers:
            attend = layer.self_attn
            for part, scale in (("q_proj", 50), ("k_proj", 50), ("v_proj", 10), ("o_proj", 10)):
                getattr(attend, part).weight.data *= scale
        with torch.no_grad():
            score = model(input_ids=torch.arange(5, 25)[None]).logits.item()
        chosen = model.config._attn_implementation
        print(f"cap {cap}, attention {attention or 'by default'} ({chosen}): {score:.2f}")
PY
TRANSFORMERS_VERBOSITY=warning "$work/venv/bin/python" "$work/see.py" "$work" \
    2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
echo "warnings on stderr: $(wc -l < "$work/said") lines" | tee -a "$work/seen"
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
