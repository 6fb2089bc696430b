"""How single documents begin, for people to look at."""

from rm_ray.config import CorpusConfig
from rm_ray.corpus.columns import values_of
from rm_ray.corpus.decoding import decode
from rm_ray.corpus.plan import PlannedFile

DECODE_ROWS = 256


def excerpt(file: PlannedFile, row: int, column: str, corpus: CorpusConfig, length: int) -> str:
    """The first characters of a document, on one line, without any that a terminal would obey.

    Raises:
        Unreadable: the file cannot be read.
    """
    unit = next(unit for unit in reversed(file.to_do()) if unit.first_row <= row)
    for first, batch in decode(unit, corpus, [column], lambda _: DECODE_ROWS):
        if first <= row < first + len(batch):
            values = values_of(batch, column)
            text = str(values[row - first].as_py() if values is not None else "")
            printable = "".join(c if c.isprintable() else " " for c in text[: 4 * length])
            return " ".join(printable.split())[:length]
    return ""
