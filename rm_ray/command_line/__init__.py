"""The command line of every job: words to a checked configuration, and help."""
