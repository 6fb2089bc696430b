"""Files anywhere fsspec opens, written once and whole, tried again where it helps."""
