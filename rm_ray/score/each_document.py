"""Finds the judge of each document: how much of it is judged may go by its row and its group."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa

from rm_ray.corpus.groups import grouped
from rm_ray.corpus.reading import FIRST_CHUNK
from rm_ray.errors import ConfigError
from rm_ray.judges.judge import Judge
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.run.output.run_json import differences
from rm_ray.score.fingerprint import judge_settings


def judges_of(documents: pa.Table, judge: Judge) -> Sequence[Judge]:
    """Return the judge of each document, [documents].

    Args:
        documents: the documents, with the columns that make the judge's groups, and the column of
            first chunks if a table of rows names these.
        judge: the run's judge.
    """
    has_firsts = FIRST_CHUNK in documents.column_names
    if not has_firsts and not judge.groups_by:
        return [judge] * len(documents)
    firsts = documents.column(FIRST_CHUNK).to_pylist() if has_firsts else [0] * len(documents)
    labels, codes = grouped([documents.column(name) for name in judge.groups_by], len(documents))
    judge_of = lru_cache(maxsize=None)(judge.for_document)
    return [judge_of(first, labels[code]) for first, code in zip(firsts, codes, strict=True)]


def check_groups(keep: Sequence[str], judge: Judge) -> None:
    """Check that the columns which make the groups of a stop rule are carried to the judge.

    Raises:
        ConfigError: a column is not among the kept ones.
    """
    if missing := [name for name in judge.groups_by if name not in keep]:
        raise ConfigError(
            f"judge.adaptive.rule has groups by the column {missing[0]!r}, which is not carried "
            "along; add it to --input.keep"
        )


def check_rule(judge: Judge, fingerprint: Mapping[str, Any]) -> None:
    """Check that a stop rule was calibrated for this very judge.

    Args:
        judge: the run's judge.
        fingerprint: the settings that the run's rewards depend on.

    Raises:
        ConfigError: the rule was calibrated for another judge.
    """
    rule = judge.calibrated if isinstance(judge, PreferenceJudge) else None
    if rule and (differing := differences(rule.judge, judge_settings(fingerprint))):
        raise ConfigError(
            "judge.adaptive.rule was calibrated for another judge, and its error is unknown for "
            f"this one; calibrate a rule by jobs/select.py. Different: "
            f"{'; '.join(differing.values())}"
        )
