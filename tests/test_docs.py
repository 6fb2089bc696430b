"""The documents are true as far as a program can say: links, files, commands and keys exist."""

import ast
import importlib
import re
import shlex
from importlib.util import find_spec

import pytest

from rm_ray.command_line.arguments import parse_arguments
from rm_ray.command_line.help import help_page
from rm_ray.command_line.jobs import DEMO, JOBS
from rm_ray.command_line.keys import dotted_fields, dotted_sections, switches
from rm_ray.command_line.load import load_config
from rm_ray.command_line.refusals import refuse_unknown
from rm_ray.errors import ConfigError
from tests.conftest import ROOT

MOST_LINES = 150
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]

SUFFIXES = (
    *(".cfg", ".csv", ".gz", ".html", ".ipynb", ".jinja", ".json", ".jsonl", ".lock", ".md"),
    *(".parquet", ".png", ".py", ".safetensors", ".sh", ".sql", ".toml", ".txt", ".yaml", ".yml"),
)
# Folders of the repository: a path that begins with one is in it.
TOPS = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"outputs", ".venv", ".git"}
# Files in capitals that are no placeholders.
IN_CAPITALS = {"README", "CONTRIBUTING", "CHANGELOG", "LICENSE"}

# What jobs write: in the folder of an output, and not in the repository.
WRITTEN = {
    *(
        "_rm_ray/staged",
        "_rm_ray/deleted",
        "_rm_ray/done/",
        "_rm_ray/run.json",
        "run.json",
        "manifest.json",
    ),
    *("calibration.json", "evaluation.html", "evaluation.json", "evaluation.md", "judge.yaml"),
}
# What others write, beside a model's weights.
OF_MODELS = {
    *("config.json", "tokenizer.json", "tokenizer_config.json", "adapter_config.json"),
    "tekken.json",
}
# What a page shows as an example, or as a store lists it.
EXAMPLES = {
    "docs/stores.md": {"empty/"},
    "docs/making_a_judge.md": {"outputs/judge/trained_third/judge"},
}

# Words in capitals stand for a value; those of a path or a name may stay as they are.
NUMBERS = {"N": "1000", "PRICE": "2.5"}


def text_of(page):
    return page.read_text(encoding="utf-8")


def fences(text):
    """The blocks of code in a page."""
    return re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def spans(text):
    """Return the texts in backticks of a page, outside its blocks of code."""
    outside = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    outside = re.sub(r"^    .*$", "", outside, flags=re.MULTILINE)
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", outside)]


# Paths and links


def is_placeholder(part):
    stem = part.partition(".")[0]
    return bool(re.fullmatch(r"[A-Z][A-Z0-9_]*", stem)) and stem not in IN_CAPITALS


def names_a_path(span):
    """Return True if a text in backticks is a path of the repository, or should be one."""
    if re.search(r"[\s*?\[\]{}<>=()\"'$,|:@%#]", span) or "..." in span:
        return False
    if span.startswith(("/", "~", "-", ".")) or any(map(is_placeholder, span.split("/"))):
        return False
    return "/" in span or span.endswith(SUFFIXES)


def is_there(span, page):
    """Return True if a path exists: from the root, the page, the package, or beside judges."""
    folders = (ROOT, page.parent, ROOT / "rm_ray", ROOT / "jobs" / "judges")
    inner_room = span.endswith("/") and span.strip("/").isidentifier()
    return any((folder / span).exists() for folder in folders) or (
        inner_room and any((ROOT / "rm_ray").glob(f"*/{span}__init__.py"))
    )


def lost_paths(page, text):
    """The paths in backticks that there are not."""
    known = WRITTEN | OF_MODELS | EXAMPLES.get(page.relative_to(ROOT).as_posix(), set())
    named = {span for span in spans(text) if names_a_path(span)} - known
    return sorted(span for span in named if not is_there(span, page))


def lost_links(page, text):
    """The relative links that lead nowhere."""
    found = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text))
    relative = [link for link in found if not re.match(r"[a-z]+:|#", link)]
    return [link for link in relative if not (page.parent / link.partition("#")[0]).exists()]


# Commands


def commands(text):
    """Every command in a page, as words: of its blocks of code, and in backticks."""
    found = []
    for block in fences(text):
        if re.search(r"^(def|class|SELECT) |[┌│]", block, re.MULTILINE):
            continue
        found += [words for line in expanded(block) for words in split(line)]
    return [*found, *(words for span in spans(text) for words in split(span))]


def expanded(block):
    """The lines of a block, with its variables put in and lines that go on joined."""
    block = re.sub(r"\\\n\s*", " ", block)
    arrays = dict(re.findall(r"^(\w+)=\((.*?)\)$", block, re.DOTALL | re.MULTILINE))
    texts = dict(re.findall(r'^(\w+)="([^"]*)"$', block, re.MULTILINE))
    block = re.sub(r"^\w+=\(.*?\)$", "", block, flags=re.DOTALL | re.MULTILINE)
    for name, value in arrays.items():
        block = block.replace(f'"${{{name}[@]}}"', " ".join(value.split()))
    for name, value in texts.items():
        block = block.replace(f"${name}", value)
    return block.splitlines()


def split(line):
    """The words of each command in a line; none where it is no shell."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return []
    found, last = [], []
    for word in words:
        last.append(word.rstrip(";"))
        if word.endswith(";"):
            found, last = [*found, last], []
    return [one for one in [*found, last] if one]


def job_of(words):
    """The job that a command runs, and its options; None for another command."""
    for at, word in enumerate(words):
        script = re.fullmatch(r"jobs/(\w+)\.py", word)
        if script and at and words[at - 1].rpartition("/")[2].startswith("python"):
            return script[1], words[at + 1 :]
        runs = word.rpartition("/")[2] == "rm_ray" and (at == 0 or words[at - 1] == "-m")
        if runs and len(words) > at + 1 and not is_placeholder(words[at + 1]):
            job = words[at + 1]
            return None if job.startswith("-") or job == DEMO else (job, words[at + 2 :])
    return None


class Parser:
    """Parses the options of jobs as the jobs do, and runs none of them."""

    def __init__(self, folder, monkeypatch):
        self._judge = folder / "judge.yaml"
        self._judge.write_text("model: demo/tiny_judge\n")
        self._patch = monkeypatch
        self._told = ()

    def __call__(self, job, options):
        """Raises ConfigError where the job would refuse its command line."""
        if job not in JOBS:
            raise ConfigError(f"'{job}' is not a job")
        argv, schema, usage = self.told(job, options)
        unfinished = "..." in argv
        arguments = parse_arguments([word for word in argv if word != "..."], switches(schema))
        if arguments.help is not None:
            help_page(schema, usage, self._a_name(arguments.help), 80)
        elif unfinished or not options:
            fields = dict(dotted_fields(schema))
            given = [key for key in arguments.overrides if key not in dict(dotted_sections(schema))]
            refuse_unknown(given, fields, where="", prefix="--")
        else:
            load_config(schema, arguments)

    def told(self, job, options):
        """The options, the configuration and the help that the job would run with."""
        module = importlib.import_module(f"rm_ray.{job}.__main__")
        self._patch.setattr(module, "run_job", self._take)
        module.main([self._filled(word) for word in options])
        return self._told

    def _take(self, argv, schema, usage, *runs):
        del runs
        self._told = argv, schema, usage
        return 0

    def _filled(self, word):
        if word == "FILE" or (word.endswith("judge/judge.yaml") and not (ROOT / word).exists()):
            return str(self._judge)
        return NUMBERS.get(word, word)

    def _a_name(self, name):
        return "output" if name == "SECTION" else name


@pytest.fixture
def parse(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    return Parser(tmp_path, monkeypatch)


def refusals(text, parse):
    """The commands of jobs in a page that a job refuses, and why."""
    found = []
    for words in commands(text):
        if ran := job_of(words):
            try:
                parse(*ran)
            except ConfigError as error:
                found.append(f"{shlex.join(words)}: {error}")
    return found


def lost_modules(text):
    """Modules and scripts that commands run or read, and that there are not."""
    found = []
    for words in (one for one in commands(text) if len(one) > 1):
        for before, word in zip(["", *words], words, strict=False):
            top = word.partition("/")[0] if "/" in word else word.partition(".")[0]
            if is_placeholder(top) or top not in TOPS or re.search(r"[A-Z*]{2}|\.\.\.", word):
                continue
            if before == "-m" and find_spec(word.partition(":")[0]) is None:
                found.append(word)
            if before != "-m" and "/" in word and not (ROOT / word.partition(":")[0]).exists():
                found.append(word)
    return found


# Keys


def unknown_keys(text, parse):
    """The options and keys in backticks that no job has."""
    keys, sections = set(), set()
    for job in JOBS:
        _, schema, _ = parse.told(job, [])
        keys |= dict(dotted_fields(schema)).keys()
        sections |= dict(dotted_sections(schema)).keys()
    tops = {key.partition(".")[0] for key in keys if "." in key}
    found = []
    for span in spans(text):
        option = re.match(r"--([a-z_]+(?:\.[a-z_0-9]+)+)(?=[\s=]|$)", span)
        key = re.fullmatch(r"([a-z_]+(?:\.[a-z_0-9]+)+)(?: \S+)?", span)
        if key and (span.endswith(SUFFIXES) or key[1].partition(".")[0] not in tops):
            key = None
        if (option or key) and (option or key)[1] not in keys | sections:
            found.append(span)
    return found


# Log lines and errors

# Stands for a value: a hole of an f-string, or of a log line's format.
HOLE = "\0"


def texts_of_code():
    """Every string in rm_ray but for docstrings, with its values as holes."""
    return [
        re.sub(r"%[-+.,\d]*[sdfg]", HOLE, text)
        for path in sorted((ROOT / "rm_ray").rglob("*.py"))
        for text in texts_in(ast.parse(path.read_text(encoding="utf-8")))
    ]


def texts_in(node):
    """The strings of a piece of code; ast has joined those that stand side by side."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else HOLE for part in node.values]
        yield "".join(parts)
        node = ast.Tuple([part for part in node.values if not isinstance(part, ast.Constant)])
    for child in ast.iter_child_nodes(node):
        yield from texts_in(child)


def quotes(text):
    """Return the texts in backticks in the first column of a page's tables."""
    cells = re.findall(r"^\| (.*?) \|", text, re.MULTILINE)
    return [quote for cell in cells for quote in re.findall(r"`([^`]+)`", cell)]


def lost_quotes(text):
    """The quotes that no text of the code contains; "..." stands for a hole and what is near it."""
    code = texts_of_code()
    lost = []
    for quote in quotes(text):
        parts = quote.split("...")
        pattern = re.compile(f".*{HOLE}.*".join(map(re.escape, parts)), re.DOTALL)
        near = (text for text in code if all(part in text for part in parts))
        if not any(map(pattern.search, near)):
            lost.append(quote)
    return lost


# The tests


def test_the_readme_is_short():
    assert len(text_of(ROOT / "README.md").splitlines()) <= MOST_LINES


def test_the_readme_has_the_commands_that_ci_and_newcomers_run():
    lines = "\n".join(fences(text_of(ROOT / "README.md")))
    assert re.search(r"^make demo\b", lines, re.MULTILINE)
    assert re.search(r"^make test\b", lines, re.MULTILINE)


def test_the_readme_lists_every_page_and_every_job():
    text = text_of(ROOT / "README.md")
    pages = [path for path in PAGES if path.parent.name == "docs"]
    assert [path.name for path in pages if f"](docs/{path.name})" not in text] == []
    assert [job for job in JOBS if f"jobs/{job}.py" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page):
    assert lost_links(page, text_of(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_path_is_there(page):
    assert lost_paths(page, text_of(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_of_a_job_is_one_that_the_job_takes(page, parse):
    assert refusals(text_of(page), parse) == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_module_and_script_of_a_command_is_there(page):
    assert lost_modules(text_of(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_key_is_one_of_a_job(page, parse):
    assert unknown_keys(text_of(page), parse) == []


def test_every_make_target_is_there():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {
        words[1]
        for page in PAGES
        for words in commands(text_of(page))
        if words[0] == "make" and len(words) == 2
    }
    assert {"demo", "test", "quick"} <= asked <= targets


def test_every_word_is_in_the_code_where_the_page_of_words_says():
    said = re.findall(r"`(\w+)` in `([\w/.]+)`", text_of(ROOT / "docs" / "words.md"))
    assert len(said) > 50
    lost = [
        f"{name} in {file}"
        for name, file in said
        if not re.search(rf"^(?:class|def) {name}\b|^{name}\b", text_of(ROOT / file), re.MULTILINE)
    ]
    assert lost == []


def test_every_log_line_and_error_in_troubleshooting_is_one_that_the_code_writes():
    text = text_of(ROOT / "docs" / "troubleshooting.md")
    assert len(quotes(text)) > 60
    assert lost_quotes(text) == []


def test_what_jobs_write_is_named_in_their_code():
    code = "\n".join(path.read_text() for path in (ROOT / "rm_ray").rglob("*.py"))
    assert [name for name in WRITTEN if name.rstrip("/") not in code] == []


# That they can fail

WRONG = """
See [a page](docs/nowhere.md), `rm_ray/score/nothing.py`, `OUT/rewards/` and `jobs/score.yaml`.

```
.venv/bin/python jobs/score.py --config jobs/demo.yaml \\
  --input.txet text --output.path OUT
S=(python jobs/filter.py --rewards.path OUT)
"${S[@]}" --output.path KEPT --rule.keep_fraction 2 --dry-run   # a comment
rm_ray score --config jobs/demo.yaml --input.path CORPUS --output.path OUT
rm_ray scoer --input.path CORPUS
python -m benchmarks.nothing --rounds 2
python -m pytest tests/nothing
```

`rm_ray report --rewards.paht OUT ...`, `--rule.keep_fractoin 0.1`, `pool.max_actors`, `pool.most`.
"""


def test_a_wrong_page_is_found_wrong(parse):
    page = ROOT / "README.md"
    assert lost_links(page, WRONG) == ["docs/nowhere.md"]
    assert lost_paths(page, WRONG) == ["rm_ray/score/nothing.py"]
    assert lost_modules(WRONG) == ["benchmarks.nothing", "tests/nothing"]
    assert unknown_keys(WRONG, parse) == ["--rule.keep_fractoin 0.1", "pool.most"]
    unknown, fraction, job, inline = refusals(WRONG, parse)
    assert "unknown key --input.txet" in unknown
    assert "rule.keep_fraction" in fraction and "--dry-run" in fraction
    assert "'scoer' is not a job" in job
    assert "unknown key --rewards.paht" in inline


def test_a_quote_that_the_code_does_not_write_is_found():
    right = (
        "| `faults so far: ...; the last: ...`, `Ray has lost tasks that the run needs` | why |\n"
    )
    wrong = (
        "| `faults so far: 3`, `faults so far: ...; ... last: ...`, `what the run lacks` | why |\n"
    )
    assert lost_quotes(right) == []
    assert lost_quotes(wrong) == quotes(wrong)
