#!/usr/bin/env bash
# One would guess: a folder with a full model's weights and an adapter (adapter_config.json,
# adapter_model.safetensors) gives one score, or an error where peft is missing.
# What happens: without peft from_pretrained reads the full weights and leaves the adapter out,
# without a warning. With peft installed the same line puts the adapter on top. The same folder
# scores otherwise in two environments, and nothing in the program names peft.
# Versions: transformers 5.19.0, torch 2.13.0, peft 0.21.2, Python 3.11. Seen on 2026-11-28:
#   without peft, the weights: 1.75
#   without peft, the weights and an adapter: 1.75
#   warnings on stderr: 0 lines
#   with peft, the weights: 1.75
#   with peft, the weights and an adapter: 2.81
#   warnings on stderr: 0 lines
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    torch==2.13.0 transformers==5.19.0 tokenizers==0.23.3
cat > "$work/see.py" <<'PY'
import importlib.util
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (AutoModelForSequenceClassification, LlamaConfig,
                          LlamaForSequenceClassification, logging)

logging.disable_progress_bar()
plain, both = Path(sys.argv[1]) / "plain", Path(sys.argv[1]) / "both"
if not plain.exists():
    torch.manual_seed(0)
    LlamaForSequenceClassification(LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=128, pad_token_id=0,
        num_labels=1, initializer_range=0.3)).save_pretrained(plain)
    shutil.copytree(plain, both)
    (both / "adapter_config.json").write_text(json.dumps(
        {"peft_type": "LORA", "task_type": "SEQ_CLS", "r": 4, "lora_alpha": 8,
         "target_modules": ["q_proj", "v_proj"]}))
    at = "base_model.model.model.layers.0.self_attn"
    save_file({f"{at}.{part}.lora_{half}.weight": torch.randn(shape)
               for part in ("q_proj", "v_proj") for half, shape in (("A", (4, 32)), ("B", (32, 4)))},
              both / "adapter_model.safetensors", metadata={"format": "pt"})

peft = "with" if importlib.util.find_spec("peft") else "without"
for name, folder in (("the weights", plain), ("the weights and an adapter", both)):
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        score = model(input_ids=torch.tensor([[5, 6, 7, 8]])).logits.item()
    print(f"{peft} peft, {name}: {score:.2f}")
PY
look() {
    TRANSFORMERS_VERBOSITY=warning "$work/venv/bin/python" "$work/see.py" "$work" 2> "$work/said" ||
        { tail -20 "$work/said" >&2; exit 1; }
    echo "warnings on stderr: $(wc -l < "$work/said") lines"
}
look | tee "$work/seen"
"$work/venv/bin/pip" install -q --disable-pip-version-check peft==0.21.2
look | tee -a "$work/seen"
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
