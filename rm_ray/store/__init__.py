"""Reads and writes files in stores through fsspec: files appear whole, and failures are retried.

Its files:

    stores         lists the kinds of stores, and their differences
    filesystem     opens a store through fsspec
    s3             opens S3
    gcs            opens Google Cloud Storage
    azure          opens Azure Blob Storage
    azure_account  finds the account of an Azure address
    hub            opens the Hugging Face hub
    folder         reads files, and writes them whole
    trees          lists, copies and removes all files below a folder
    at_once        asks for many things at once
    retry          retries failures that may pass by themselves
    denied         defines the error of a store that denies access
    access         explains a denial in a sentence: request, machine, credentials, remedy
"""
