"""Files anywhere fsspec opens, written once and whole, tried again where it helps.

Its files:

    stores         the kinds of stores, and in what they differ
    filesystem     opens one through fsspec
    s3             opens S3
    gcs            opens Google Cloud Storage
    azure          opens Azure Blob Storage
    azure_account  finds the account of an Azure address
    hub            opens the Hugging Face hub
    folder         files, written once and whole
    retry          tries again what may pass by itself
    denied         the error of a store that refuses
    access         says in a sentence what was refused, to whom, and what to do
"""
