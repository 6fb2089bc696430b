"""Find Parquet files without a Parquet ending, by their first bytes.

Hive and Trino write `000001_0`, and other writers write `part-0.c000`. A folder may hold a million
files of other formats, and each look at a file is a request to the store. So a file whose ending
belongs to another format is never opened. The remaining files are grouped by their endings. A whole
group is opened only if one of a few files in it is Parquet.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import compress

from rm_ray.config import CorpusConfig
from rm_ray.corpus.listing import Listed
from rm_ray.corpus.passed_over import FORMATS, PACKED, is_hidden, is_parquet
from rm_ray.errors import InputError, short
from rm_ray.store.access import Request
from rm_ray.store.at_once import at_once
from rm_ray.store.filesystem import open_filesystem
from rm_ray.store.retry import patiently

log = logging.getLogger(__name__)

# Parquet files begin with one of these: the second says that the footer is encrypted.
MAGIC = (b"PAR1", b"PARE")
# A Parquet file has at least these bytes: the magic twice, and the length of its footer.
LEAST_BYTES = 12
# The most files of a group that are opened first.
FEW = 32

# Endings of files that are never opened, beside the endings in FORMATS and PACKED.
_OTHERS = (
    # texts, settings, code
    "txt md rst html htm xml yaml yml toml ini cfg conf log err tex bib py pyc ipynb sh sql r js",
    "ts css c h cc cpp java go rs rb jar so",
    # documents, pictures, sound, and archives of web pages
    "pdf doc docx xls xlsx ppt pptx rtf epub warc wet wat png jpg jpeg gif bmp tif tiff webp svg",
    "ico mp3 mp4 m4a wav flac ogg webm mkv",
    # arrays, weights, databases
    "npy npz pt pth bin safetensors ckpt onnx gguf model h5 hdf5 pkl pickle mat pb tfrecord",
    "msgpack sqlite db duckdb idx index manifest",
    # archives, checksums
    "tgz 7z rar crc md5 sha1 sha256 sig asc",
    # unfinished files, old copies
    "tmp temp part partial incomplete inprogress crdownload lock swp bak old orig",
)
OTHER_KINDS = {*FORMATS, *PACKED}.union(*(line.split() for line in _OTHERS))
# An ending: letters, and then digits, which number the files of one kind.
_ENDING = re.compile(r"(\.[a-z]{0,9})\d*")


def may_be_parquet(relative: str) -> bool:
    """Return True if the name of a file does not tell its format, so that it may be Parquet."""
    _, dot, ending = _base(relative).rpartition(".")
    tells = is_parquet(relative) or (dot and ending in OTHER_KINDS)
    return not tells and not is_hidden(relative)


def parquet_among(files: Iterable[Listed], config: CorpusConfig) -> set[Listed]:
    """Find the Parquet files among files of one store, which are given sorted by path.

    In a group of more than `FEW` files, Parquet files are missed if none is among the few that are
    opened first.

    Raises:
        InputError: a file cannot be read.
    """
    groups = _by_ending(file for file in files if file.size >= LEAST_BYTES)
    few = [file for group in groups for file in _spread(group)]
    parquet = _with_magic(few, config)
    opened = set(few)
    rest = [file for group in groups if not parquet.isdisjoint(group) for file in group]
    rest = [file for file in rest if file not in opened]
    if rest:
        log.info("opening %d files, since other files with such names are Parquet", len(rest))
    return parquet | _with_magic(rest, config)


def _by_ending(files: Iterable[Listed]) -> Collection[list[Listed]]:
    """Group files by ending.

    Names without an ending are one group. The endings .c000 and .c001 belong to the same group. An
    ending that is not a word, for example a hash or half a URL, counts as no ending. Otherwise each
    file of this kind could be a group of its own, and all would be opened.
    """
    groups: dict[str, list[Listed]] = defaultdict(list)
    for file in files:
        _, dot, ending = _base(file.path).rpartition(".")
        word = _ENDING.fullmatch(dot + ending)
        groups[word[1] if word else ""].append(file)
    return groups.values()


def _base(path: str) -> str:
    return path.rpartition("/")[2].lower()


def _spread(group: list[Listed]) -> list[Listed]:
    """Choose a few files of a group, at even distances."""
    return group[:: -(-len(group) // FEW)]


def _with_magic(files: list[Listed], config: CorpusConfig) -> set[Listed]:
    """Open the files, and return the files that begin like a Parquet file."""
    if not files:
        return set()
    fs = open_filesystem(files[0].path, config.storage)

    def has_magic(file: Listed) -> bool:
        request = Request("reading", file.path, config.storage, config.key)
        try:
            first = patiently(lambda: fs.cat_file(file.path, start=0, end=4), request)
        except OSError as error:
            raise InputError(
                f"{config.key}.path: cannot read {file.path} to see whether it is Parquet: "
                f"{short(error)}; make it readable, or give a glob that leaves the file out"
            ) from None
        return first in MAGIC

    return set(compress(files, at_once(has_magic, files)))
