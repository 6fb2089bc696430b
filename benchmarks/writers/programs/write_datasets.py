"""Files that Hugging Face datasets writes."""

from pathlib import Path

from common import make_files
from datasets import ClassLabel, Dataset, Features, List, Value


def features(path: Path, texts: list[str]) -> None:
    kinds = Features(
        {
            "text": Value("large_string"),
            "label": ClassLabel(names=["bad", "good"]),
            "turns": List({"role": Value("string"), "content": Value("string")}),
            "vector": List(Value("float32"), length=2),
        }
    )
    rows = {
        "text": texts,
        "label": [i % 2 for i in range(len(texts))],
        "turns": [[{"role": "user", "content": text}] for text in texts],
        "vector": [[float(i), 0.5] for i in range(len(texts))],
    }
    Dataset.from_dict(rows, features=kinds).to_parquet(path)


def shuffled(path: Path, texts: list[str]) -> None:
    rows = Dataset.from_dict({"text": texts, "meta": [{"i": i} for i in range(len(texts))]})
    rows.shuffle(seed=1).to_parquet(path, batch_size=50)


make_files(
    "datasets",
    "datasets",
    [
        ("features", "The `huggingface` key with labels and lists of structs.", features),
        ("batches", "Four row groups, and the key of content-defined chunking.", shuffled),
    ],
)
