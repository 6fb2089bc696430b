"""The corpus: its files and footers, how they are cut into shards, and reading them."""
