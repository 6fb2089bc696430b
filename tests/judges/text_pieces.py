"""Pieces of text whose tokens change with what stands beside them."""

from hypothesis import strategies as st

PIECES = st.sampled_from(
    ["the ", "end. ", "don't", " x", "\n\n", "\n", "  ", "12", "漢字", "。", "é", "e\u0301", "🙂",
     "!?", "<tool_call>", "\u00a0", "\t", "word", "Word", ".", "'s", "\r\n", "ﷺ", " ½", "𝔘"]
)  # fmt: skip
