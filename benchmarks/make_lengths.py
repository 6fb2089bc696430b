"""Documents of given lengths, made of the demo's real text: `make_lengths.py FOLDER`.

One Parquet file a length (1k, 4k, 16k tokens of the tiny judge), to see what length costs.
"""

import random
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from demo.texts import evaluation_documents
from rm_ray.tokens import encode, load_tokenizer, plain_tokenizer

LENGTHS = {1024: 64, 4096: 16, 16384: 4}
TOKENIZER = Path(__file__).parents[1] / "demo" / "tiny_judge" / "tokenizer.json"


def main(folder: Path) -> None:
    """Write the files."""
    tokenizer = load_tokenizer(plain_tokenizer(TOKENIZER.read_text()))
    texts = [document.text for document in evaluation_documents()]
    rng = random.Random(0)
    folder.mkdir(parents=True, exist_ok=True)
    for length, count in LENGTHS.items():
        rows = []
        for i in range(count):
            text = ""
            while len(encode(tokenizer, text)) < length:
                text += rng.choice(texts) + "\n\n"
            ids = encode(tokenizer, text)[:length]
            rows.append({"id": f"{length}-{i}", "text": tokenizer.decode(ids)})
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{length}.parquet")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
