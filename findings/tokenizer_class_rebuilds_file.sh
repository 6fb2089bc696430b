#!/usr/bin/env bash
# One would guess: a folder with a tokenizer.json gives the tokenizer of that file.
# `tokenizer_class` in tokenizer_config.json only names the Python class around it.
# What happens: transformers 5 takes the vocabulary and the merges from the file, and builds the
# rest as the named class does. A byte-level tokenizer that says LlamaTokenizer loses every space,
# without an error. PreTrainedTokenizerFast takes the file as it is.
# Versions: transformers 5.19.0, tokenizers 0.23.3, Python 3.11. Seen on 2026-11-28:
#   the file: [261, 285, 263, 282]
#   AutoTokenizer: [261, 258, 272, 264, 260, 266, 269], 'theanswerisgood'
#   PreTrainedTokenizerFast: [261, 285, 263, 282], 'the answer is good'
#   warnings on stderr: 0 lines
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    transformers==5.19.0 tokenizers==0.23.3
cat > "$work/see.py" <<'PY'
import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

folder = Path(sys.argv[1]) / "judge"
folder.mkdir()
made = Tokenizer(models.BPE())
made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
made.decoder = decoders.ByteLevel()
made.train_from_iterator(
    ["the answer is good and the question is short"] * 9,
    trainers.BpeTrainer(vocab_size=300, special_tokens=["<s>", "</s>"], show_progress=False,
                        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
made.save(str(folder / "tokenizer.json"))
config = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>"}
(folder / "tokenizer_config.json").write_text(json.dumps(config))

text = "the answer is good"
print(f"the file: {made.encode(text).ids}")
for name, loader in (("AutoTokenizer", AutoTokenizer),
                     ("PreTrainedTokenizerFast", PreTrainedTokenizerFast)):
    tokenizer = loader.from_pretrained(folder)
    ids = tokenizer(text)["input_ids"]
    print(f"{name}: {ids}, {tokenizer.decode(ids)!r}")
PY
TRANSFORMERS_VERBOSITY=warning "$work/venv/bin/python" "$work/see.py" "$work" \
    2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
# it says once that it has no PyTorch, which it does not need here
said=$(grep -vc "PyTorch was not found" "$work/said" || true)
echo "warnings on stderr: $said lines" | tee -a "$work/seen"
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
