"""The filter job: the documents of a corpus that its rewards choose, as a corpus."""
