"""The A/B preference judge: 64-token chunks, each judged after all the text before it."""
