"""How a model is asked about documents, and what its answers mean: a folder for each family."""
