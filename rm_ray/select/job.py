"""The select job: from a corpus to the documents that are kept, for a part of the cost.

cheap      the cheap judge, over every document            stages (a scoring run each)
sample     the judge, over a seeded sample, whole
calibrate  how strict the stop rule has to be              calibrated
main       the judge, until a document's side is clear     stages
gather     one row for each document, with its decision    gather
cut        exact, among what was judged whole              cut; wider bands where it lies outside
filter     the kept documents, as the filter writes them   filter
page       cost, error, and how both were found            results, show
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rm_ray.config import OUTPUT_COLUMNS
from rm_ray.corpus.plan import shards_of
from rm_ray.corpus.sample import RowSample
from rm_ray.errors import ConfigError
from rm_ray.filter.count.documents import check_groups
from rm_ray.filter.job import filter_corpus
from rm_ray.filter.rule import check_quotas
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.run.execute import ray_faults
from rm_ray.run.output.folder import STATE, SUCCESS
from rm_ray.run.output.lease import Lease
from rm_ray.run.output.run_json import stored_columns
from rm_ray.score.fingerprint import judge_settings
from rm_ray.score.job import ScoreJob
from rm_ray.scored.run import ScoredRun
from rm_ray.select.began import Began, begin
from rm_ray.select.calibrated import RULE, Calibrated, calibrate_on, keep, nothing_decided, stored
from rm_ray.select.config import (
    CHEAP,
    CHEAP_REWARD,
    DECIDED,
    KEY,
    MAIN,
    SAMPLE,
    SIDE,
    STAGE,
    UNWRITTEN,
    WIDER,
    SelectConfig,
)
from rm_ray.select.cut import cuts_of, widened
from rm_ray.select.doubts import CheapDoubts, WiderDoubts, write_doubts
from rm_ray.select.gather import Sources, gather
from rm_ray.select.gathering import Gathering
from rm_ray.select.results import Selected, write_results
from rm_ray.select.sample import WholeDocuments, read_sample
from rm_ray.select.sides import Decider
from rm_ray.select.stage_rows import CHUNKS, StageRows
from rm_ray.select.stages import Stages, table_of
from rm_ray.store.folder import Folder, absolute

log = logging.getLogger(__name__)


def select(config: SelectConfig) -> None:
    """Select the documents to keep. The same call again goes on where the last one ended.

    Raises:
        Refused: the selection cannot run; the text says what to do.
        Incomplete: a stage ended with documents missing, or too many failed.
    """
    with ray_faults():
        Selection(config).run()


@dataclass(frozen=True)
class Judged:
    """A Judged is what the first stages gave."""

    runs: Mapping[str, ScoredRun]
    """The stages that were run, by name."""
    calibrated: Calibrated
    """The stop rule, and how it was found."""
    whole: WholeDocuments | None
    """The documents of the sample; None without one."""


class Selection:
    """A Selection runs the stages of a selection, one after the other."""

    def __init__(self, config: SelectConfig) -> None:
        """Check what needs no engine: the model, the rule, and the folder.

        Raises:
            Refused: the selection cannot run.
        """
        _check_added(config)
        self.config = config
        self.folder = Folder(absolute(config.output.path), config.output.storage).probe()
        self.stages = Stages(config)
        self.job: ScoreJob = self.stages.job(self.stages.main(0.0, None))
        self.settings = judge_settings(self.job.spec.fingerprint)
        self.counts_cheap_tokens = self._cheap_tokens()

    def run(self) -> None:
        """Run every stage that is not done, and write the results."""
        began = begin(self.config, self.folder)
        with Lease(self.folder / STATE):
            self._run(began)

    def _run(self, began: Began) -> None:
        judged = self._first_stages(began)
        runs, bands = dict(judged.runs), dict(judged.calibrated.rule.bands)
        plan = runs.get(CHEAP, runs[MAIN])
        skipped = _skipped(runs.values())
        counted = [
            (shard, shard.stop - shard.start)
            for shard in shards_of(plan.files)
            if shard.file not in skipped
        ]
        sources = Sources(plan.files, counted, skipped)
        stages = [StageRows.of(name, run) for name, run in runs.items()]
        decider = self._decider(judged.calibrated)
        gathering = self._gathering(stages, None, decider, plan)
        gathered = widenings = 0
        decided = self._gather(gathered, gathering, sources, judged.calibrated)
        while cuts := self._cuts(gathered):
            wider = widened(bands, cuts, widenings + 1)
            if wider is None:
                break
            bands, widenings = wider, widenings + 1
            before = StageRows.of(DECIDED, decided)
            doubts = WiderDoubts(before, replace(decider, bands=bands))
            name = f"{WIDER}-{widenings}"
            rows, documents = write_doubts(table_of(name), doubts, counted, self.config)
            log.info(
                "the cut lies outside of the band that the sample gave: the band is widened, and "
                "%s documents that were decided early are judged whole",
                f"{documents:,}",
            )
            if documents:
                runs[name] = self.stages.run(self.stages.wider(widenings, rows))
                gathering = self._gathering([StageRows.of(name, runs[name])], before, decider, plan)
                superseded, gathered = _decided(gathered), widenings
                decided = self._gather(gathered, gathering, sources, judged.calibrated)
                # so that no job takes these decisions for the last ones
                (self.folder / superseded).remove(SUCCESS)
        filter_corpus(self.config.filtering(_decided(gathered)))
        made = Selected(
            config=self.config,
            began=began,
            calibrated=judged.calibrated,
            runs=runs,
            whole=judged.whole,
            cuts=cuts,
            bands=bands,
            widenings=widenings,
            decided=decided,
        )
        write_results(made, self.folder)

    def _first_stages(self, began: Began) -> Judged:
        """Run the stages up to main, with the calibration between them."""
        runs: dict[str, ScoredRun] = {}
        if self.config.cheap and began.sampled:
            log.info("stage %s: the cheap judge looks at every document", CHEAP)
            runs[CHEAP] = self.stages.run(self.stages.cheap())
        whole = None
        if began.sampled:
            log.info("stage %s: %.2f%% of the documents, whole", SAMPLE, 100 * began.sampled)
            runs[SAMPLE] = self.stages.run(self.stages.sample(began.sampled))
            whole = self._read_sample(began, runs)
        found = stored(self.folder) or self._calibrate(began, whole)
        calibrated = keep(found, self.folder)
        log.info("stage %s: %s", MAIN, calibrated.said["reason"])
        runs[MAIN] = self.stages.run(self._main(began, calibrated, runs))
        return Judged(runs, calibrated, whole)

    def _read_sample(self, began: Began, runs: Mapping[str, ScoredRun]) -> WholeDocuments | None:
        sample = StageRows.of(SAMPLE, runs[SAMPLE])
        cheap = StageRows.of(CHEAP, runs[CHEAP]) if CHEAP in runs else None
        shards = shards_of(runs[SAMPLE].files)
        counted = [
            (shard, self._sample(began.sampled).count(shard.file, shard.start, shard.stop))
            for shard in shards
        ]
        return read_sample(sample, cheap, counted, self._sample(began.calibrating), self.config)

    def _calibrate(self, began: Began, whole: WholeDocuments | None) -> Calibrated:
        if not began.sampled:
            return nothing_decided(self.config, self.settings, began.why_all)
        if whole is None or whole.calibrates.sum() < 2:
            why = "fewer than two documents of the sample have a reward"
            return nothing_decided(self.config, self.settings, why)
        if self.config.rule.relative:
            # the filter would refuse such groups too, after everything was judged
            check_groups(whole.labels)
            check_quotas(self.config.rule, whole.labels)
        share = whole.documents / began.documents
        return calibrate_on(whole, share, self.job.judge, self.settings, self.config)

    def _main(self, began: Began, calibrated: Calibrated, runs: Mapping[str, ScoredRun]) -> Any:
        """Return the configuration of the main stage."""
        rule = f"{self.folder.uri}/{RULE}" if calibrated.decides else None
        if CHEAP not in runs or calibrated.cheap is None:
            return self.stages.main(began.sampled, rule if self._stops_early else None)
        cheap = runs[CHEAP]
        counted = [(shard, shard.stop - shard.start) for shard in shards_of(cheap.files)]
        doubts = CheapDoubts(
            StageRows.of(CHEAP, cheap), self._decider(calibrated), self._sample(began.sampled)
        )
        rows, documents = write_doubts(table_of(MAIN), doubts, counted, self.config)
        log.info("the cheap judge leaves %s documents in doubt", f"{documents:,}")
        return self.stages.main(0.0, rule if self._stops_early else None, rows)

    @property
    def _stops_early(self) -> bool:
        """Return True if the judge looks at chunks, and may stop before the last one."""
        return isinstance(self.config.judge, PreferenceConfig)

    def _decider(self, calibrated: Calibrated) -> Decider:
        rule = calibrated.rule
        return Decider(self.job.judge, rule.by, rule.bands, rule.table, calibrated.cheap)

    def _gathering(
        self,
        stages: list[StageRows],
        before: StageRows | None,
        decider: Decider,
        plan: ScoredRun,
    ) -> Gathering:
        carried = stored_columns(plan.stored)
        return Gathering(stages, before, decider, carried, self.counts_cheap_tokens)

    def _gather(
        self,
        number: int,
        gathering: Gathering,
        sources: Sources,
        calibrated: Calibrated,
    ) -> ScoredRun:
        settings = calibrated.rule.settings()
        stops = calibrated.decides and self._stops_early
        fingerprint = {
            **self.job.spec.fingerprint,
            # whoever reads the decided rows has to know that some were judged in part
            "judge.adaptive": settings if stops else None,
            "select.rule": settings,
            "select.cheap": calibrated.cheap is not None,
            "select.widened": number,
        }
        return gather(_decided(number), gathering, sources, fingerprint, self.config)

    def _cuts(self, number: int) -> dict[str, float]:
        """Return the cuts by group; none for a fixed cut."""
        if not self.config.rule.relative:
            return {}
        # an earlier invocation may have begun to copy what a later, wider band has decided
        return cuts_of(self.config.filtering(_decided(number), output=UNWRITTEN))

    def _sample(self, fraction: float) -> RowSample:
        return RowSample(fraction, self.config.select.seed)

    def _cheap_tokens(self) -> bool:
        """Return True if both judges count the same tokens.

        Raises:
            ConfigError: they do not, and the rule counts tokens.
        """
        if self.config.cheap is None:
            return True
        cheap = self.stages.job(self.stages.cheap())
        same = cheap.tokenizer.plain_tokenizers == self.job.tokenizer.plain_tokenizers
        if not same and (
            self.config.rule.choice == "keep_tokens" or self.config.rule.weight == "tokens"
        ):
            raise ConfigError(
                "the rule counts tokens, and cheap.judge has another tokenizer than judge: the "
                "documents that it decides would count in other tokens; give --rule.keep_documents "
                "or --rule.keep_fraction, or leave cheap.judge out"
            )
        return same


def _check_added(config: SelectConfig) -> None:
    """Refuse columns to add that the decided documents do not have, before anything is judged.

    Raises:
        ConfigError: there is such a column.
    """
    own = [name for name in OUTPUT_COLUMNS if name != "id"]
    known = [*config.input.carried, *own, CHUNKS, STAGE, CHEAP_REWARD, SIDE, KEY]
    if unknown := [name for name in config.kept.add if name not in known]:
        raise ConfigError(
            f"kept.add: the decided documents have no column {unknown[0]!r}; they have "
            f"{', '.join(known)}"
        )


def _skipped(runs: Iterable[ScoredRun]) -> dict[str, str]:
    """Return the bad files that a stage has skipped, each with the reason."""
    totals = [run.totals or {} for run in runs]
    return {file: why for of in totals for file, why in of.get("skipped_files", {}).items()}


def _decided(number: int) -> str:
    """Return the name of the folder of the decided documents, after so many wider bands."""
    return DECIDED if not number else f"{DECIDED}-{number}"
