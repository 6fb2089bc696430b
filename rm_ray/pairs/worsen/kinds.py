"""All ways to make text worse, by their names in the configuration."""

from rm_ray.pairs.worsen.lines import boilerplate, doubled_lines, line_ends, missing_lines
from rm_ray.pairs.worsen.rearranged import (
    Worsen,
    noised,
    repeated,
    sampled,
    shuffled,
    spliced,
)
from rm_ray.pairs.worsen.words import dropped_words, mixed_languages, truncated_words

WORSENED: dict[str, Worsen] = {
    "shuffled": shuffled,
    "repeated": repeated,
    "noised": noised,
    "spliced": spliced,
    "sampled": sampled,
    "dropped_words": dropped_words,
    "doubled_lines": doubled_lines,
    "missing_lines": missing_lines,
    "boilerplate": boilerplate,
    "line_ends": line_ends,
    "mixed_languages": mixed_languages,
    "truncated_words": truncated_words,
}
