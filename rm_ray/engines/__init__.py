"""What runs a model: token ids in, numbers out. Nothing here knows of documents."""
