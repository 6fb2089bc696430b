"""Numbers that add up, and what can be told from their sums: mergeable and pure."""
