"""An engine for tests of decisions: a chunk's reward is the share of a word in it, with noise.

Chosen with `--engine.name tests.quality_engine:QualityEngine`. Answers follow from the prompt
alone.
"""

import contextlib
import hashlib
import random
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.engines.engine import EngineCounts
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.judges.plain import plain_tokenizer

TINY = Path(__file__).parent / "tiny_judge"
NAME = "tests.quality_engine:QualityEngine"
GOOD, BAD = " the", " of"
# Tokens at the end of a prompt: those of the chunk, and of the markers around it.
TAIL, NOISE = 80, 0.3


class QualityEngine:
    """Label logits from the words of the chunk, which stand near the end of the prompt."""

    def __init__(self, settings):
        self.counts = EngineCounts()
        tokenizer = load_tokenizer(plain_tokenizer((TINY / "tokenizer.json").read_text()))
        self._good, self._bad = (tokenizer.encode(word).ids[-1] for word in (GOOD, BAD))
        self._waiting = {}

    @property
    def has_room(self):
        return len(self._waiting) < 64

    def add(self, key, prompt):
        self._waiting[key] = prompt
        self.counts.prompts += 1
        self.counts.prompt_tokens += len(prompt)

    def step(self):
        answers = []
        for key, prompt in self._waiting.items():
            tail = np.asarray(prompt[-TAIL:])
            good, bad = (tail == self._good).sum(), (tail == self._bad).sum()
            digest = hashlib.blake2b(np.asarray(prompt, np.int32).tobytes(), digest_size=4).digest()
            noise = NOISE * (int.from_bytes(digest, "big") / 2**32 - 0.5)
            reward = 4 * (good - bad) / max(1, good + bad) + noise
            answers.append((key, np.float32([reward, 0.0])))
            self.counts.forwarded_tokens += 151
        self._waiting.clear()
        return answers


def documents_at_one_place(files: int, rows: int, words: int) -> Path:
    """Write documents to a folder whose path is the same in every run, and return the folder.

    A sample is chosen by a hash of the path, so only then is it the same sample in every run.
    """
    name = hashlib.sha256(Path(__file__).read_bytes() + bytes((files,))).hexdigest()[:8]
    folder = Path(tempfile.gettempdir()) / f"rm_ray-documents-{name}-{files}-{rows}-{words}"
    if not folder.exists():
        new = Path(tempfile.mkdtemp(dir=folder.parent))
        write_documents(new, files, rows, words)
        with contextlib.suppress(OSError):  # another run has just written it
            new.rename(folder)
    return folder


def write_documents(folder: Path, files: int, rows: int, words: int, seed: int = 0) -> None:
    """Documents of about `words` words, each with its own share of the good word.

    A column `lang` makes two groups, of which the second has better documents.
    """
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for f in range(files):
        texts, langs = [], []
        for _ in range(rows):
            lang = rng.choice(["de", "en", "en"])
            share = min(0.98, max(0.02, rng.gauss(0.4 if lang == "de" else 0.6, 0.2)))
            length = rng.randint(words // 2, words * 2)
            picked = rng.choices([GOOD.strip(), BAD.strip()], [share, 1 - share], k=length)
            texts.append(" ".join(picked))
            langs.append(lang)
        ids = [f"{seed}-{f}-{row}" for row in range(rows)]
        table = pa.table({"id": ids, "text": texts, "lang": langs})
        pq.write_table(table, folder / f"{f}.parquet", row_group_size=500)
