"""Copies the kept documents into new files.

Its files:

    units         finds the row groups and parts that are bundled
    bundles       consecutive row groups and parts that become one file
    keeping       checks how faithfully each file can be copied
    copier        encodes the kept rows of a bundle
    writing       writes Parquet files like the file that the rows come from
    stage         writes a bundle's files, then its receipt
    nothing_kept  the file of a filter that keeps nothing
"""
