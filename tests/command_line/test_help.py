"""Help: the keys that people type at first, and every key on the page of its section."""

import importlib
from types import NoneType
from typing import get_args

import pytest

from rm_ray.command_line.help import help_page, typed_keys
from rm_ray.command_line.jobs import JOBS
from rm_ray.command_line.keys import dotted_fields, dotted_sections
from rm_ray.command_line.run import run_job
from rm_ray.command_line.section_help import page_names
from rm_ray.config import StorageConfig
from rm_ray.convert.config import ConvertConfig
from rm_ray.errors import ConfigError
from rm_ray.evaluate.config import EvaluateConfig
from rm_ray.filter.config import FilterConfig
from rm_ray.nightly.config import NightlyConfig
from rm_ray.pairs.config import PairsJobConfig
from rm_ray.report.config import ReportConfig
from rm_ray.score.config import ScoreConfig
from rm_ray.select.config import SelectConfig
from rm_ray.status.__main__ import StatusConfig
from rm_ray.train.config import TrainConfig

SCHEMAS = {
    "score": ScoreConfig,
    "filter": FilterConfig,
    "report": ReportConfig,
    "select": SelectConfig,
    "nightly": NightlyConfig,
    "pairs": PairsJobConfig,
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "convert": ConvertConfig,
    "status": StatusConfig,
}
TYPED_OF_EVERY_SCORING = [
    "input.path", "output.path", "judge.model", "input.text", "input.messages", "input.id",
    "input.keep", "input.limit", "pool.max_actors", "pool.gpus",
]  # fmt: skip
TYPED = {
    "score": TYPED_OF_EVERY_SCORING,
    "filter": [
        "rewards.path", "output.path", "rewards.segments", "rule.min_reward", "rule.keep_fraction",
        "rule.keep_tokens", "rule.keep_documents", "rule.weight", "rule.by", "rule.where",
        "output.kind",
    ],
    "convert": ["input.path", "output.path", "types.conflicts", "types.extra"],
    "report": [
        "rewards.path", "output.path", "by", "baseline.path", "baseline.accept", "history.path",
        "corpus.excerpts", "page.cut", "rewards.segments", "night",
    ],
    "select": [
        *TYPED_OF_EVERY_SCORING, "rule.min_reward", "rule.keep_fraction", "rule.keep_tokens",
        "rule.keep_documents", "rule.weight", "rule.by", "rule.where", "select.max_wrong",
        "kept.kind",
    ],
    "nightly": [*TYPED_OF_EVERY_SCORING, "night", "report.by"],
    "pairs": [
        *TYPED_OF_EVERY_SCORING[:-2], "pairs.kinds", "generator.model", "pool.max_actors",
        "pool.gpus",
    ],
    "train": [
        "pairs.path", "rewards.path", "output.path", "judge.model", "train.objective",
        "train.epochs", "train.steps", "train.batch_windows", "workers.count", "workers.gpus",
    ],
    "evaluate": [
        "output.path", "judge.model", "pairs.path", "pairs.split", "rewards.path", "labels.column",
        "labels.good", "against", "calibrate", "pool.max_actors", "pool.gpus",
    ],
    "status": ["output.path", "format", "watch"],
}  # fmt: skip


def page(job, name="", width=80):
    usage = importlib.import_module(f"rm_ray.{job}.__main__").USAGE
    return help_page(SCHEMAS[job], usage, name, width)


def in_one_line(text):
    return " ".join(text.split())


@pytest.mark.parametrize("job", JOBS)
def test_the_first_page_has_the_keys_that_people_type_and_names_the_other_pages(job):
    schema, first = SCHEMAS[job], page(job)
    # a selection is typed with the keys of a scoring run and of a rule
    most = 20 if job == "select" else 12
    assert list(typed_keys(schema)) == TYPED[job] and len(TYPED[job]) <= most
    assert first.startswith(JOBS[job]) and f"rm_ray {job} " in first
    keys = first.partition("The keys that people type:\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in keys.splitlines() if line.startswith("  -")] == [
        f"--{key}" for key in TYPED[job]
    ]
    for field in typed_keys(schema).values():
        assert in_one_line(field.description) in in_one_line(keys)
    sections = first.partition("The sections:\n")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in sections.splitlines() if line[2] != " "] == list(
        page_names(schema)
    )


def kind(section):
    """The class of a section's keys, whether or not the section may be left out."""
    kinds = {one for one in get_args(section.annotation) if one is not NoneType}
    return kinds.pop() if len(kinds) == 1 else section.annotation


@pytest.mark.parametrize("job", JOBS)
def test_help_names_every_key_with_its_meaning(job):
    """Those that several sections have once, where these sections are named."""
    schema, whole = SCHEMAS[job], page(job, "all")
    words = in_one_line(whole)
    fields, sections = dict(dotted_fields(schema)), dotted_sections(schema)
    once = []
    for key, field in fields.items():
        assert in_one_line(field.description) in words
        section, _, name = key.rpartition(".")
        if f"  --{key}  " not in whole:
            twins = [one for one in sections if kind(sections[one]) == kind(sections[section])]
            [shown] = [one for one in twins if f"  --{one}.{name}  " in whole]
            assert section in words.partition(f"{shown}: ")[2]
            once.append(name)
    storages = sum(field.annotation is StorageConfig for field in sections.values())
    assert whole.count(".storage.region  ") == 1
    assert once.count("region") == storages - 1


@pytest.mark.parametrize("job", JOBS)
def test_every_section_and_key_has_a_page(job):
    for name in page_names(SCHEMAS[job]):
        assert page(job, name)
    for name in dotted_sections(SCHEMAS[job]):
        inside = [key for key, _ in dotted_fields(SCHEMAS[job]) if key.startswith(f"{name}.")]
        own = [key for key in inside if key.count(".") == name.count(".") + 1]
        assert inside and (not own or f"  --{own[0]}  " in page(job, name))
        assert own or f"{inside[0].rpartition('.')[0]}: " in page(job, name)
    for key, field in dotted_fields(SCHEMAS[job]):
        shown = page(job, key)
        assert shown.startswith(f"  --{key}  ")
        assert in_one_line(shown).endswith(in_one_line(field.description))


@pytest.mark.parametrize("width", [50, 80, 100])
@pytest.mark.parametrize("job", JOBS)
def test_pages_are_wrapped(job, width):
    lines = page(job, "all", width).splitlines()
    assert max(map(len, lines)) <= width


def test_a_section_says_types_and_defaults():
    shown = page("score", "input")
    assert shown.startswith("input: The corpus to score.\n  --input.path  text | list (a,b or [")
    assert (
        """
  --input.limit  whole number, default null
      Look at the first N rows of the corpus only; may grow in the same folder.
"""
        in shown
    )
    assert '  --input.keep  list (a,b or ["a", "b,c"]), default []\n' in shown
    assert "\n\ninput.storage: How its store is reached. `--help storage` shows its keys." in shown
    assert "--input.storage.region" not in shown and "--output" not in shown


def test_storage_has_one_page_and_every_place_of_it():
    shown = page("score", "storage")
    assert shown == page("score", "input.storage") and "  --input.storage.region  text" in shown
    others = "input.rows_table.storage, output.storage, judge.storage and judge.adaptive.storage"
    assert in_one_line(shown).endswith(f"The same keys are in {others}.")
    there = page("score", "judge.storage")
    assert "  --judge.storage.region  text" in there
    others = "input.storage, input.rows_table.storage, output.storage and judge.adaptive.storage"
    assert in_one_line(there).endswith(f"The same keys are in {others}.")


def test_help_says_whose_a_key_is():
    shown = page("score", "judge")
    assert shown.startswith(
        "judge: Names the reward model, and inputs with known rewards to check it by.\n"
    )
    of = {
        block.partition(":")[0]: in_one_line(block) for block in shown.split("\n\n")
    }  # by headings
    assert "RewardModel and the like" in of["judge (regression)"]
    assert "--judge.alpha number" in of["judge (regression)"]
    assert "--judge.chosen text" in of["judge (preference)"]
    assert "--judge.chat.user text" in of["judge.chat (classifier, quantile)"]
    assert "--judge.model text, required" in of["judge"] and "--judge.alpha" not in of["judge"]


@pytest.mark.parametrize(
    ("job", "name", "said"),
    [
        ("score", "inptu", "no section or key has this name; did you mean --help input?"),
        ("score", "input.pth", "did you mean --help input.path?"),
        ("score", "model", "did you mean --help judge.model?"),
        ("score", "zzz", "--help zzz: no section or key has this name; --help lists the sections"),
        ("score", "job", "--help job: no section or key"),  # each of its keys is in a section
        ("nightly", "tasks", "did you mean --help report.tasks?"),  # filter.tasks has others
    ],
)
def test_a_name_that_there_is_not_is_refused(job, name, said, caplog):
    with pytest.raises(ConfigError) as error:
        page(job, name)
    assert said in str(error.value)
    argv = ["--help", name]
    usage = importlib.import_module(f"rm_ray.{job}.__main__").USAGE
    assert run_job(argv, SCHEMAS[job], usage, lambda _: None, lambda _: "") == 2
    assert said in caplog.text


def test_help_is_as_wide_as_the_terminal(capsys, monkeypatch):
    usage = importlib.import_module("rm_ray.score.__main__").USAGE
    for given, width in (("70", 70), ("300", 100)):
        monkeypatch.setenv("COLUMNS", given)
        argv = ["--help=input", "--dry-run"]
        assert run_job(argv, ScoreConfig, usage, lambda _: None, lambda _: "") == 0
        assert capsys.readouterr().out == page("score", "input", width) + "\n"
