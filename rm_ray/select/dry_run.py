"""The page of --dry-run: the sample, and the most that each stage can cost."""

from rm_ray.corpus.files import list_files
from rm_ray.corpus.tables.opening import refuse_table
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.run.execute import ray_faults
from rm_ray.score.job import ScoreJob, look_ahead
from rm_ray.select.began import Began, check_quota, look_at
from rm_ray.select.config import SelectConfig
from rm_ray.select.shares import share_beforehand
from rm_ray.select.stages import Stages
from rm_ray.select.statistics.bands import LEAST_IN_GROUP


def dry_run(config: SelectConfig) -> str:
    """Return a page on what `select` would do. Nothing is written."""
    refuse_table(config.input, "a selection")
    with ray_faults():
        began = look_at(config, list_files(config.input, config.output).files)
        check_quota(config.rule, began.documents)
    stages = Stages(config)
    pages = [_head(config, began)]
    if config.cheap and began.sampled:
        pages.append(_page("stage cheap, every document", ScoreJob(stages.cheap())))
    if began.sampled:
        pages.append(_page("stage sample, judged whole", ScoreJob(stages.sample(began.sampled))))
    main = ScoreJob(stages.main(began.sampled, None))
    pages.append(_page(f"stage main, {_most(config, began, main)}", main))
    return "\n\n".join(pages)


def _most(config: SelectConfig, began: Began, main: ScoreJob) -> str:
    """Say how the cost of the main stage is to be read."""
    if not began.sampled:
        return "judged whole"
    if isinstance(main.judge, PreferenceJudge) or config.cheap:
        return "at most this: the sample will say how much is saved"
    return "nothing is saved: this judge has no chunks, and there is no cheap judge"


def _head(config: SelectConfig, began: Began) -> str:
    """Return the first lines: the corpus and the sample."""
    lines = [f"documents      {began.documents:>15,}   in {began.files:,} files"]
    if not began.sampled:
        return "\n".join(
            [*lines, f"sample         none: everything is judged, since {began.why_all}"]
        )
    calibrating = round(began.calibrating * began.documents)
    sampled = round(began.sampled * began.documents)
    lines.append(f"sample         {calibrating:>15,}   calibrate the stop rule")
    lines.append(f"audit          {sampled - calibrating:>15,}   measure its error")
    allowed = config.select.max_wrong * share_beforehand(config.rule, began.documents)
    lines.append(
        f"wrong keeps    {allowed:>15.2%}   of all documents at most, with a probability of "
        f"{1 - config.select.failure:.0%}"
    )
    if config.rule.by:
        lines.append(
            f"groups         a group with fewer than {LEAST_IN_GROUP} documents in the sample is "
            "judged whole"
        )
    return "\n".join(lines)


def _page(title: str, job: ScoreJob) -> str:
    return f"{title}\n{look_ahead(job)}"
