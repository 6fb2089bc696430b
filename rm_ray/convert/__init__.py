"""The conversion: writes JSON Lines and Lance as Parquet, without a loss, for the other jobs.

Its files:

    __main__      the command line
    config        the configuration
    start         begins a conversion
    conversion    what every conversion has as a job
    shard_stage   what every conversion has as a stage
    lance         the conversion of Lance datasets
    files         chooses the files of a folder
    packing       unpacks compressed files piece by piece
    blocks        cuts a stream of bytes into blocks of whole lines
    line_reader   reads one line exactly, or says why it is rejected
    block_reader  reads a block at once with Arrow, or leaves it to the reader of lines
    reading       reads the blocks of a file as tables and rejected lines
    kinds         the kinds of sampled values, and the kind to write
    columns       the columns of the output
    sampling      looks at one file
    cutting       cuts plain files at line ends, and counts lines
    frames        cuts zstd files between frames, and reads the lines of a span of frames
    plan          the lines of a plan: files, cut into spans of bytes
    planning      samples the files, chooses one schema, and cuts the files
    writing       writes tables as Parquet files of bounded size
    stage         converts a shard of lines
    fingerprint   the settings that make two conversions the same
    counts        the counts of a conversion
    job           the conversion of JSON Lines as a run sees it
    summary       the dry run's page, the closing lines, manifest.json
"""
