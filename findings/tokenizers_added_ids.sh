#!/usr/bin/env bash
# One would guess: the `id` that tokenizer.json gives to an added token is the id that the token
# gets, or the file is refused.
# What happens: an added token gets the next free id, in the order of the file. Take away the two
# added tokens before `covid`, and 29 becomes 27; say 40, and it is 29. A model then reads another
# row of its embeddings. Neither an error nor a warning says so, even with TOKENIZERS_LOG=warn.
# Versions: tokenizers 0.23.3, Python 3.11. Seen on 2026-11-28:
#   as saved: the file says {'<s>': 27, '</s>': 28, 'covid': 29}, 'a covid' is [0, 26, 29]
#   covid alone: the file says {'covid': 29}, 'a covid' is [0, 26, 27]
#   covid first: the file says {'covid': 29, '</s>': 28, '<s>': 27}, 'a covid' is [0, 26, 27]
#   covid at 40: the file says {'<s>': 27, '</s>': 28, 'covid': 40}, 'a covid' is [0, 26, 29]
#   warnings on stderr: 0 lines
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    tokenizers==0.23.3
cat > "$work/see.py" <<'PY'
import json
import string

from tokenizers import Tokenizer, models

letters = {letter: i for i, letter in enumerate(string.ascii_lowercase + " ")}
made = Tokenizer(models.BPE(vocab=letters, merges=[]))
made.add_special_tokens(["<s>", "</s>"])
made.add_tokens(["covid"])


def load(name, change):
    file = json.loads(made.to_str())
    file["added_tokens"] = change(file["added_tokens"])
    says = {token["content"]: token["id"] for token in file["added_tokens"]}
    loaded = Tokenizer.from_str(json.dumps(file))
    print(f"{name}: the file says {says}, 'a covid' is {loaded.encode('a covid').ids}")


load("as saved", lambda added: added)
load("covid alone", lambda added: added[2:])
load("covid first", lambda added: added[::-1])
load("covid at 40", lambda added: [*added[:2], {**added[2], "id": 40}])
PY
TOKENIZERS_LOG=warn "$work/venv/bin/python" "$work/see.py" "$work" \
    2> "$work/said" | tee "$work/seen" ||
    { tail -20 "$work/said" >&2; exit 1; }
echo "warnings on stderr: $(wc -l < "$work/said") lines" | tee -a "$work/seen"
if ! diff <(sed -n 's/^#   //p' "$0") "$work/seen"; then
    echo "this is not what the comment says" >&2
    exit 1
fi
