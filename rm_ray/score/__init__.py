"""The scoring job: a reward for each document of a corpus."""
