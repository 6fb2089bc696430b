"""Delta and Iceberg tables as corpora: which files a snapshot has, and how its rows are read.

The libraries say which files, columns and deleted rows a snapshot has. The Parquet is read by the
room `corpus`, as any other.

Its files:

    snapshot   a snapshot of a table and its files: the one type that both formats give
    fields     finds the columns of a file by the names that the table gives them
    opening    opens a table by its address
    delta      opens Delta tables
    iceberg    opens Iceberg tables
    manifests  reads the data files and delete files of an Iceberg snapshot
    metadata   finds the metadata.json of an Iceberg table
    positions  reads which rows the delete files of an Iceberg snapshot delete
    puffin     decodes the deletion vectors of Puffin files
    store_io   lets pyiceberg read files through the stores of rm_ray
    access     tells deltalake and Lance how to reach S3
    deleted    keeps the numbers of deleted rows beside the plan of a run
    moved      compares a plan with the files that a snapshot has
"""
