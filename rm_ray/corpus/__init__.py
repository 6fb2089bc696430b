"""The corpus: its files and footers, how they are cut into shards, and reading them.

Its files:

    listing      every file below a folder of a store, and which of them a glob means
    sniffing     finds Parquet files whose names do not say so
    passed_over  names the files that a run does not read
    files        the files of a corpus, and whether a file is still what it was
    missing      the error for a file that was listed and is not found
    parquet      opens Parquet files, and tells a bad file from a store's fault
    alone        runs Ray tasks over files of which one may end the process
    footers      reads footers, and checks that they fit the configuration
    columns      finds columns by name, fields of structs among them
    sizes        measures the text of row groups
    profile      says where in a row group the text lies
    plan         decides once which rows make a shard
    shards       names shards, their parts, and pieces of them
    sample       chooses rows by a seeded hash
    reading      reads units of a file as the rows of their shards
    decoding     decodes row groups in order
    windows      decides how many rows are decoded at once
    int96        reads timestamps that are stored as INT96
    widening     finds the one type that a copied column is written with
    bounds       says whether a type holds all values of a column
    excerpts     reads single documents for people to look at
"""
