#!/usr/bin/env bash
# fastokens in place of tokenizers, for a tokenizer.json whose Split pattern holds `^`.
#
# One would guess: both read the same file, and give the same ids; what fastokens does not know, it
# refuses with a ValueError, as it refuses WordPiece, NFKC or the pattern \X.
#
# What happens: it takes the file. To tokenizers (Oniguruma, as Ruby reads patterns) `^` stands at the
# beginning of every line; to fastokens at the beginning of the text alone. A text of one line gets the
# same ids, a text of several lines others, without a word.
#
# tokenizers 0.23.3, fastokens 0.3.5; seen 2026-11-29. Output:
#   one line     tokenizers ['ab', 'c'] fastokens ['ab', 'c']
#   two lines    tokenizers ['x', 'Ċ', 'ab', 'c'] fastokens ['x', 'Ċ', 'abc']
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3.11 -m venv "$here/venv"
"$here/venv/bin/pip" install -q --disable-pip-version-check tokenizers==0.23.3 fastokens==0.3.5
cat > "$here/see.py" <<'PYTHON'
import sys

import fastokens
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

vocabulary = {sign: i for i, sign in enumerate(["a", "b", "c", "x", "Ċ", "ab", "abc"])}
whole = Tokenizer(models.BPE(vocabulary, [("a", "b"), ("ab", "c")]))
whole.pre_tokenizer = pre_tokenizers.Sequence([
    pre_tokenizers.Split(Regex(r"^ab|\S+|\s+"), "isolated"),
    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
])
fast = fastokens.Tokenizer.from_json_str(whole.to_str())
names = {number: sign for sign, number in vocabulary.items()}
found = []
for what, text in (("one line", "abc"), ("two lines", "x\nabc")):
    ids = {"tokenizers": whole.encode(text).ids, "fastokens": fast.encode(text).ids}
    shown = " ".join(f"{name} {[names[i] for i in one]}" for name, one in ids.items())
    found.append(f"{what:12} {shown}")
print("\n".join(found))
if found != [
    "one line     tokenizers ['ab', 'c'] fastokens ['ab', 'c']",
    "two lines    tokenizers ['x', 'Ċ', 'ab', 'c'] fastokens ['x', 'Ċ', 'abc']",
]:
    sys.exit("these libraries no longer do what the comment says")
PYTHON
"$here/venv/bin/python" "$here/see.py"
