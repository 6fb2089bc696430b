"""The corpus, the settings and the sample that a selection began with: they stay to its end."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rm_ray.corpus.files import InputFile, list_files
from rm_ray.corpus.footers import read_footers
from rm_ray.corpus.tables.opening import refuse_table
from rm_ray.errors import InputError, OutputError
from rm_ray.filter.config import RuleConfig
from rm_ray.filter.quotas import ELSE
from rm_ray.report.show.folder import look_into
from rm_ray.run.output.run_json import differences
from rm_ray.select.config import BEGAN, SelectConfig
from rm_ray.select.shares import share_beforehand
from rm_ray.select.statistics.limits import MOST_SHARE, needed_sample, propose_sample
from rm_ray.store.folder import Folder

log = logging.getLogger(__name__)

# Documents of the audit: this share of the corpus, within these bounds.
AUDIT_SHARE, LEAST_AUDITED, MOST_AUDITED = 0.005, 200, 1000


@dataclass(frozen=True)
class Began:
    """A Began is the content of began.json."""

    files: int
    """Files of the corpus."""
    documents: int
    """Documents of the corpus: its rows, up to input.limit."""
    corpus: str
    """Hash of the files' paths, sizes and versions."""
    calibrating: float
    """Share of the documents that calibrate the stop rule; 0 to judge everything whole."""
    sampled: float
    """Share of the documents that are judged whole: to calibrate, and to audit."""
    why_all: str
    """Why everything is judged whole, in a sentence; empty if the rule is to be calibrated."""
    settings: dict[str, Any]
    """Settings of the selection that are not those of its stages."""


def begin(config: SelectConfig, folder: Folder) -> Began:
    """Return what the selection began with; store it if the selection begins now.

    Raises:
        InputError: the corpus cannot be read, or is a table.
        OutputError: the folder holds something else, another selection, or one of another corpus.
    """
    refuse_table(config.input, "a selection")
    _, names = look_into(config.output)
    data = folder.read(BEGAN)
    if data is None and names:
        raise OutputError(
            f"output.path: {folder.uri} is not empty and holds no selection (but {names[0]}); give "
            "an empty or a new folder"
        )
    found = list_files(config.input, config.output).files
    began = Began(**json.loads(data)) if data else look_at(config, found)
    _check(began, config, found, folder)
    if data is None:
        text = json.dumps(asdict(began), indent=1) + "\n"
        if not folder.create(BEGAN, text.encode()):
            return begin(config, folder)
    return began


def look_at(config: SelectConfig, found: list[InputFile]) -> Began:
    """Count the documents of a corpus, and decide how many are sampled. Writes nothing."""
    log.info("counting the documents of %d files", len(found))
    footers, _ = read_footers(found, config.input)
    documents = sum(sum(footer.rows) for footer in footers.values())
    if config.input.limit is not None:
        documents = min(documents, config.input.limit)
    calibrating, why_all = _sample_size(config, documents)
    wanted = _audit_size(config, documents) if calibrating else 0
    audited = min(wanted, documents // 2 - calibrating)
    if audited < wanted:
        log.warning(
            "%s documents are audited, not %s: at most half of the documents are judged beforehand",
            f"{audited:,}",
            f"{wanted:,}",
        )
    return Began(
        files=len(found),
        documents=documents,
        corpus=_digest(found),
        calibrating=calibrating / max(1, documents),
        sampled=(calibrating + audited) / max(1, documents),
        why_all=why_all,
        settings=_settings(config),
    )


def _sample_size(config: SelectConfig, documents: int) -> tuple[int, str]:
    """Return how many documents calibrate; or 0, and why everything is judged."""
    asked = config.select
    share = share_beforehand(config.rule, documents)
    if asked.sample_documents is not None:
        half = documents // 2
        return min(asked.sample_documents, half), "" if half else "there is only one document"
    if not share:
        return 0, "the rule keeps every document"
    proposed = propose_sample(documents, asked.max_wrong * share, asked.failure)
    if proposed:
        return proposed, ""
    needed = needed_sample(asked.max_wrong * share, asked.failure)
    return 0, (
        f"the corpus has {documents:,} documents, and a sample of at least {needed:,} would be "
        f"more than {MOST_SHARE:.0%} of it"
    )


def _audit_size(config: SelectConfig, documents: int) -> int:
    if config.select.audit_documents is not None:
        return config.select.audit_documents
    return int(min(max(AUDIT_SHARE * documents, LEAST_AUDITED), MOST_AUDITED))


def _check(began: Began, config: SelectConfig, found: list[InputFile], folder: Folder) -> None:
    """Refuse to go on with another corpus or other settings."""
    if began.corpus != _digest(found):
        raise OutputError(
            f"output.path: the corpus has changed since the selection in {folder.uri} began: "
            f"{began.files} files then, {len(found)} now, or others; its sample says nothing about "
            "the new documents: give a new --output.path, or the path of the new files alone"
        )
    if differing := differences(began.settings, _settings(config)):
        raise OutputError(
            f"output.path: {folder.uri} holds a selection with other settings; give another "
            f"folder, or these settings. Different: {'; '.join(differing.values())}"
        )
    if not began.documents:
        raise InputError(f"input.path: {config.input.path} has no documents to choose from")
    check_quota(config.rule, began.documents)


def check_quota(rule: RuleConfig, documents: int) -> None:
    """Refuse to keep more documents than there are, before any of them is judged.

    Raises:
        InputError: the rule asks for more.
    """
    if rule.choice != "keep_documents" or rule.short == "take_all":
        return
    asked = sum(int(quota) for label, quota in rule.quotas.items() if label != ELSE or not rule.by)
    if asked > documents:
        raise InputError(
            f"rule.keep_documents: {asked:,} documents are asked for, and the corpus has "
            f"{documents:,}; ask for less, or take all there are: --rule.short take_all"
        )


def _settings(config: SelectConfig) -> dict[str, Any]:
    """Return the settings of a selection that are in no stage's fingerprint, by key."""
    sections: Mapping[str, Any] = {
        # rule.short decides only whether the filter is refused
        "rule": config.rule.model_dump(mode="json", exclude={"short"}),
        "select": config.select.model_dump(mode="json"),
    }
    settings = {
        f"{section}.{key}": value
        for section, keys in sections.items()
        for key, value in keys.items()
    }
    # a stage could go on with a larger limit; the sample and the decisions could not
    return {**settings, "input.limit": config.input.limit, "cheap": config.cheap is not None}


def _digest(found: list[InputFile]) -> str:
    named = json.dumps([[file.path, file.size, file.version] for file in found])
    return f"sha256:{hashlib.sha256(named.encode()).hexdigest()[:32]}"
