#!/usr/bin/env bash
# One would guess: a conversation gives the same prompt from a JSON file and from an Arrow table.
# What happens: Arrow gives every message every field, so that a field that was not there is null. A
# template that writes `message.content` writes nothing for a missing field and the word None for a
# null one; `message.tool_calls is defined` becomes true for every message. A reward model then
# scores a reply "None" that nobody wrote. apply_chat_template raises nothing and warns of nothing.
# Versions: transformers 5.19.0, tokenizers 0.23.3, pyarrow 26.0.1, jinja2 3.1.6, Python 3.11.
# Seen on 2026-11-28:
#   JSON: 'user: Rain today?\nassistant:  [a call]\n'
#   Arrow: 'user: Rain today? [a call]\nassistant: None [a call]\n'
#   warnings on stderr: 0 lines
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check \
    transformers==5.19.0 tokenizers==0.23.3 pyarrow==26.0.1 jinja2==3.1.6
cat > "$work/see.py" <<'PY'
import pyarrow as pa
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
tokenizer.chat_template = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}"
    "{% if message.tool_calls is defined %} [a call]{% endif %}{{ '\\n' }}{% endfor %}")
call = {"type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
from_json = [{"role": "user", "content": "Rain today?"},
             {"role": "assistant", "tool_calls": [call]}]
from_arrow = pa.array([from_json]).to_pylist()[0]
for name, messages in (("JSON", from_json), ("Arrow", from_arrow)):
    print(f"{name}: {tokenizer.apply_chat_template(messages, tokenize=False)!r}")
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
