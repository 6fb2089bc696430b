"""Lists the jobs by name, and writes the page that shows the list."""

from rm_ray.command_line.pages import columns, command, wrapped

JOBS = {
    "score": "Score a Parquet corpus: one reward per document, back to Parquet.",
    "filter": "Filter a corpus by its rewards: the kept documents, as Parquet.",
    "report": "Report how good a night's documents are: one page, and a verdict.",
    "select": "Keep the best documents, for a part of the cost of judging them all.",
    "nightly": "Score, report and filter what has come to a corpus since last night.",
    "pairs": "Make pairs of real chunks and worse ones, to train a judge.",
    "train": "Train a judge on labelled pairs, or on the rewards of another judge.",
    "evaluate": "Evaluate a judge: how good it is, and where it is blind.",
    "convert": "Convert JSON Lines or Lance to Parquet, without a loss.",
    "status": "Say how a run stands: live or dead, done and left, speed, failures.",
}
# Not a job: it has no keys.
DEMO = "demo"


def jobs_page(width: int) -> str:
    """Write the page that lists the jobs, one line each, and says how to get more help."""
    hint = (
        "`rm_ray JOB --help` shows the keys of a job that people type, and `rm_ray JOB --help "
        "SECTION` the others. `python -m rm_ray JOB` and `python jobs/JOB.py` do the same as "
        "`rm_ray JOB`."
    )
    return "\n".join(
        [
            wrapped("rm_ray judges the documents of Parquet corpora by reward models.", width),
            "",
            command("rm_ray JOB --config FILE --SECTION.KEY VALUE ...", width),
            "",
            "Jobs:",
            columns(JOBS, width),
            "",
            wrapped(
                "`rm_ray demo` puts the configurations and a tiny judge into this folder, builds a "
                "corpus, and scores, filters and reports it.",
                width,
            ),
            "",
            wrapped(hint, width),
        ]
    )
