"""The demo: a tiny judge, a corpus for it, and figures of how well it separates text from junk."""
