#!/usr/bin/env bash
# What one would guess: a config.json without `model_type` either loads or does not, whatever the
# folder that it lies in is called; and what loads it is the same in the next version.
# What happens: transformers 4.57 takes a model type that is a part of the path to the folder,
# so that the same file is a Qwen2 in one folder, a BERT in another and refused in a third; a parent
# folder's name counts as well. 5.19 guesses no more, and refuses all of them.
# Published models have such a file, e.g. nvidia/quality-classifier-deberta.
# Versions: transformers 4.57.6 and 5.19.0, Python 3.11. Seen on 2026-11-28:
#   4.57.6 qwen2-judge: Qwen2Config
#   4.57.6 bert-era/judge: BertConfig
#   4.57.6 judge: ValueError
#   5.19.0 qwen2-judge: ValueError
#   5.19.0 bert-era/judge: ValueError
#   5.19.0 judge: ValueError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/look.py" <<'PY'
import json, sys
from pathlib import Path

import transformers

for name in ("qwen2-judge", "bert-era/judge", "judge"):
    folder = Path(sys.argv[1]) / name
    folder.mkdir(parents=True, exist_ok=True)
    # of one kind of model: 32 numbers wide, two heads
    config = {"hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
    (folder / "config.json").write_text(json.dumps(config))
    try:
        found = type(transformers.AutoConfig.from_pretrained(folder)).__name__
    except ValueError as error:
        found = type(error).__name__
    print(f"{transformers.__version__} {name}: {found}")
PY
mkdir "$work/models"
for version in 4.57.6 5.19.0; do
    python3 -m venv "$work/$version"
    "$work/$version/bin/pip" install -q --disable-pip-version-check "transformers==$version"
    TRANSFORMERS_VERBOSITY=error "$work/$version/bin/python" "$work/look.py" "$work/models" \
        2>/dev/null
done | tee "$work/seen"
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
