"""Reads the command line of every job: one YAML file, then any of its keys as a dotted option.

    rm_ray JOB --config FILE.yaml --section.key VALUE ... [--dry-run]

It knows the shape of a configuration, not its meaning. Its files, in the order of a command's way
through them:

    jobs         the jobs by name, and the page that lists them
    run          runs a job: from words to an exit status
    notify       tells others that a job has ended
    shipped      the configurations, judges and demo that come with the package
    arguments    splits words into options
    load         makes one configuration of a YAML file, files of sections, and options
    files        reads these YAML files
    yaml_text    refuses YAML that can be read in two ways
    values       reads an option's text as a value of its key's type, and names the types of keys
    keys         lists the keys and the sections of a configuration
    trees        puts values into a tree of sections, and takes them out
    refusals     says in a sentence that a key is unknown, or a value is wrong
    help         shows the help of a job, of a section and of a key
    section_help describes the keys of one section
    pages        wraps text to the terminal, and prints it
"""
