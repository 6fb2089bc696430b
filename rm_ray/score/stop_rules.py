"""Finds the stop rule that a configuration names, and checks that it is this judge's."""

from collections.abc import Mapping, Sequence
from typing import Any

from rm_ray.config import StorageConfig
from rm_ray.errors import ConfigError, JudgeError, short
from rm_ray.judges.judge import Judge
from rm_ray.judges.keys import JudgeSection
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.preference.rule_file import CalibratedRule
from rm_ray.run.output.run_json import differences
from rm_ray.score.fingerprint import judge_settings
from rm_ray.store.folder import Folder


def with_rule(judge: Judge, asked: JudgeSection, keep: Sequence[str]) -> Judge:
    """Return the judge with the stop rule that its configuration names, if it names one.

    Args:
        judge: the judge.
        asked: the judge's configuration.
        keep: the columns that are copied.

    Raises:
        JudgeError: the rule cannot be read.
        ConfigError: the rule has groups by a column that is not copied.
    """
    if not (isinstance(judge, PreferenceJudge) and isinstance(asked, PreferenceConfig)):
        return judge
    if asked.adaptive.rule is None:
        return judge
    rule = read_rule(asked.adaptive.rule, asked.adaptive.storage)
    _check_groups(keep, rule)
    return judge.with_rule(rule)


def read_rule(path: str, storage: StorageConfig) -> CalibratedRule:
    """Read the file of a stop rule.

    Args:
        path: the file, local or in a store.
        storage: how its store is reached.

    Raises:
        JudgeError: there is no such file, or it is not a rule's.
    """
    folder, _, name = path.rpartition("/")
    try:
        data = Folder(folder or ".", storage, side="judge").read(name)
    except OSError as error:
        raise JudgeError(f"judge.adaptive.rule: cannot read {path}: {short(error)}") from None
    if data is None:
        raise JudgeError(
            f"judge.adaptive.rule: there is no file {path}; jobs/select.py writes OUTPUT/rule.json"
        )
    try:
        return CalibratedRule.from_json(data.decode())
    except ValueError as error:
        raise JudgeError(
            f"judge.adaptive.rule: {path} is not a stop rule: {short(error)}; give the rule.json "
            "that jobs/select.py has written"
        ) from None


def _check_groups(keep: Sequence[str], rule: CalibratedRule) -> None:
    """Check that the columns which make the groups of a stop rule are carried to the judge.

    Raises:
        ConfigError: a column is not among the kept ones.
    """
    if missing := [name for name in rule.by if name not in keep]:
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
