"""Tables of pairs, as training and evaluation read them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rm_ray.config import CorpusConfig, OutputConfig, StorageConfig
from rm_ray.corpus.files import InputFile, list_files
from rm_ray.errors import InputError, OutputError
from rm_ray.run.output.folder import RunFolder


@dataclass(frozen=True)
class PairsSource:
    """The files of pairs, and the manifest of the run that made them; None of other tables."""

    files: list[InputFile]
    manifest: dict[str, Any] | None


def open_pairs(
    paths: Sequence[str], storage: StorageConfig, judge_facts: Mapping[str, Any] | None
) -> PairsSource:
    """List the files of runs of jobs/pairs.py, or of any tables.

    Raises:
        InputError: a run is not complete, or its pairs were made for another judge.
    """
    manifest = None
    for path in paths:
        for place in dict.fromkeys([path.rstrip("/"), path.rstrip("/").removesuffix("/pairs")]):
            run = RunFolder(OutputConfig(path=place, storage=storage), "pairs", key="pairs.path")
            try:
                stored = run.stored("the --output.path of a run of jobs/pairs.py")
            except OutputError:
                continue
            if stored:
                _check(run, stored, judge_facts or {})
                data = run.root.read("manifest.json")
                manifest = json.loads(data) if data else None
    config = CorpusConfig(path=list(paths), storage=storage)
    return PairsSource(list_files(config).files, manifest)


def _check(run: RunFolder, stored: Mapping[str, Any], judge_facts: Mapping[str, Any]) -> None:
    if "pairs" not in stored["config"]:
        raise InputError(
            f"pairs.path: {run.uri} is the run of another job; give the --output.path of a run of "
            "jobs/pairs.py"
        )
    if not run.complete:
        raise InputError(f"pairs.path: {run.uri} is not complete; let the run of jobs/pairs.py end")
    made, chunk = stored["fingerprint"], "judge.chunk_tokens"
    if chunk in judge_facts and made.get(chunk) != judge_facts[chunk]:
        raise InputError(
            f"pairs.path: the pairs of {run.uri} were made with chunks of {made.get(chunk)} "
            f"tokens, and the judge has {judge_facts[chunk]}; make them with the judge's, or give "
            f"--judge.chunk_tokens {made.get(chunk)}"
        )
    if "tokenizer" in judge_facts and made.get("tokenizer") != judge_facts["tokenizer"]:
        raise InputError(
            f"pairs.path: the pairs of {run.uri} were made with another tokenizer than the "
            "judge's; make them anew with this judge"
        )
