"""The corpus: its files and footers, how they are cut into shards, and reading them.

Its files:

    paths        checks input paths before a run begins, and asks a store about a path
    listing      lists all files below a folder of a store, and matches globs
    sniffing     finds Parquet files whose names do not say so
    passed_over  names the files that a run does not read
    files        lists the files of a corpus, and gives the version that a file has now
    missing      the error for a file that was listed and is not found
    parquet      opens Parquet files, and tells a bad file from a store's fault
    alone        runs tasks over files, though reading a damaged file may end the process
    footers      reads footers, and checks that they fit the configuration
    columns      finds columns by name, fields of structs among them
    sizes        measures the text of row groups
    profile      describes how text is spread over the rows of a row group
    plan         decides once how rows are cut into shards
    shards       names shards, their parts, and pieces of them
    sample       chooses rows by a seeded hash
    rows         chooses rows by a table that names them
    reading      reads units of a file as the rows of their shards
    decoding     decodes row groups in order
    windows      decides how many rows are decoded at once
    int96        reads timestamps that are stored as INT96
    widening     finds the one type that a copied column is written with
    bounds       tells if a type holds all values of a column
    groups       groups documents by the values of some columns, and names the groups
    excerpts     reads single documents for people to look at
    tables       Delta and Iceberg tables as corpora (a room of its own)
"""
