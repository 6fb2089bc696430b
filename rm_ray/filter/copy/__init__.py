"""Copying the documents that are kept into files of their own.

Its files:

    units         the row groups and parts that are bundled
    bundles       consecutive units that become one file
    keeping       what a copy keeps of each file, and cannot keep
    copier        encodes the kept rows of a bundle
    writing       Parquet files, written as the file that they come from
    stage         writes a bundle's files, then its receipt
    on_ray        the stage as tasks of Ray Data, on a cluster
    receipts      a bundle is done when its receipt is there
    nothing_kept  the file of a filter that keeps nothing
"""
