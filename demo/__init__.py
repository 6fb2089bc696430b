"""The demo: a tiny judge, the corpus it is shown, and how well it tells good text from junk."""
