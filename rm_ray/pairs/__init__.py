"""The pairs job: from a corpus to pairs of a real chunk and one made worse."""
