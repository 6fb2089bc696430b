"""Configurations of files and options: overrides, and refusals that name the key."""

import pytest
import yaml

from rm_ray.command_line.arguments import parse_arguments
from rm_ray.command_line.keys import dotted_fields
from rm_ray.command_line.load import load_config
from rm_ray.errors import ConfigError, redacted
from rm_ray.score.config import ScoreConfig
from rm_ray.select.config import SelectConfig
from tests.conftest import ROOT

MINIMAL = ["--input.path", "in", "--output.path", "out", "--judge.model", "m"]


def load_path(path):
    arguments = parse_arguments(["--input.path", path, *MINIMAL[2:]])
    return load_config(ScoreConfig, arguments).input.path


def load(*argv):
    return load_config(ScoreConfig, parse_arguments([*MINIMAL, *argv]))


def test_options_override_the_file(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("input: {path: a}\noutput: {path: b}\njudge: {model: m, chunk_tokens: 32}\n")
    argv = ["--config", str(file), "--input.path=c", "--judge.context_tokens", "64"]
    config = load_config(ScoreConfig, parse_arguments(argv))
    assert (config.input.path, config.output.path) == ("c", "b")
    assert (config.judge.chunk_tokens, config.judge.context_tokens) == (32, 64)


def test_values_are_read_as_what_the_key_wants():
    config = load(
        "--input.keep", "a,b", "--input.id", "null", "--pool.cpus", "0.5",
        "--judge.judge_first_chunk", "false", "--judge.chosen", "1", "--shard.tokens", "1_000",
    )  # fmt: skip
    assert config.input.keep == ["a", "b"] and config.input.id is None
    assert config.pool.cpus == 0.5 and config.judge.judge_first_chunk is False
    assert config.judge.chosen == "1" and config.shard.tokens == 1000


def test_a_list_is_given_the_same_way_for_every_key():
    assert load_path("a.parquet") == "a.parquet"
    for text in ("a,b", "a, b", "[a, b]"):
        assert load_path(text) == load("--input.keep", text).input.keep == ["a", "b"]
    for text in ('["a,b"]', "['a,b']"):  # a name with a comma
        assert load_path(text) == load("--input.keep", text).input.keep == ["a,b"]
    assert load("--input.keep", "a").input.keep == ["a"]


def test_null_is_a_word_where_columns_are_missing(tmp_path):
    file = tmp_path / "c.yaml"
    for word in ("null", "'null'", "fail"):
        file.write_text(f"input: {{path: a, missing_columns: {word}}}")
        arguments = parse_arguments(["--config", str(file), *MINIMAL[2:]])
        from_file = load_config(ScoreConfig, arguments).input.missing_columns
        assert (
            from_file
            == word.strip("'")
            == load("--input.missing_columns", from_file).input.missing_columns
        )
    assert load().input.missing_columns == "fail"
    with pytest.raises(
        ConfigError, match=r"input.missing_columns: Input should be 'fail' or 'null'"
    ):
        load("--input.missing_columns", "empty")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--judge.chunk_token", "64"], "did you mean --judge.chunk_tokens"),
        (["--model", "x"], "did you mean --judge.model"),
        (["--judge", "x"], "--judge is a section"),
        (["--pool.gpus", "many"], "pool.gpus: 'many' is not a number"),
        (["--pool.gpus", "1.5"], r"gpus is 1.5; an engine has whole GPUs \(1, 2, ...\), a part"),
        (["--pool.gpus", "-1"], "pool.gpus: Input should be greater than or equal to 0"),
        (["--pool.gpus", "nan"], "pool.gpus: Input should be greater than or equal to 0"),
        (["--pool.gpus", "2", "--engine.name", "transformers"], "transformers runs on one; give"),
        (["--pool.gpus", "2", "--engine.tensor_parallel", "4"], "leave engine.tensor_parallel out"),
        (["--engine.tensor_parallel", "2", "--engine.name", "transformers"], "is vllm's; "),
        (["--pool.min_actors", "3"], r"min_actors \(3\) is more than max_actors \(1\)"),
        (["--judge.context_tokens", "100"], "context_tokens is 100, not a whole number of chunks"),
        (["--judge.rejected", "A"], "chosen and rejected are the same label"),
        (["--engine.name", "llama"], "must be vllm, transformers or module:Class"),
        (
            ["--engine.name", "transformers", "--engine.quantization", "fp8"],
            "quantization and load_format are vllm's",
        ),
        (["--input.keep", "reward"], "column 'reward' would collide"),
        (["--input.keep", "Reward"], "column 'Reward' would collide"),
        (["--input.keep", "url,URL"], "column 'URL' would collide"),
        (["--input.keep", "_x"], "names beginning with _ are reserved"),
        (["--input.limit", "0"], "input.limit: Input should be greater than or equal to 1"),
        (["--output.path", "x"], "--output.path is given twice"),
        (["stray"], "'stray' is not an option"),
        (["--input.text"], "--input.text needs a value"),
        (["--input.id", "--dry-run"], "--input.id needs a value, and --dry-run follows"),
        (["--config", "/nowhere.yaml"], "cannot read the configuration /nowhere.yaml"),
    ],
)
def test_refusals_name_the_key_and_the_remedy(argv, message):
    with pytest.raises(ConfigError, match=message):
        load(*argv)


def test_credentials_in_a_path_are_refused_without_being_shown():
    arguments = parse_arguments(["--input.path", "s3://key:hush@bucket/x", *MINIMAL[2:]])
    with pytest.raises(ConfigError, match="holds credentials") as error:
        load_config(ScoreConfig, arguments)
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    "uri",
    [
        "abfs://corpus@account.dfs.core.windows.net/texts", "abfss://c@a.dfs.core.windows.net/t",
        "s3://bucket/a@b", "a:b@c/d",
    ],
)  # fmt: skip
def test_containers_are_no_secrets(uri):
    assert load_path(uri) == uri and redacted(uri) == uri


@pytest.mark.parametrize("uri", ["hdfs://me@namenode:8020/texts", "sftp://me@host/texts"])
def test_users_are_no_secrets(uri):
    assert redacted(uri) == uri
    with pytest.raises(ConfigError, match=f"input: path is {uri}: .* is no store that rm_ray kn"):
        load_path(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "sftp://me:hush@host/texts", "abfs://c:hush@a/t", "hdfs://me:hush@n/t", "s3://hush@b/t",
        "https://hush@host/t", "gs://hush@b/t", "SFTP://a:hush@h/t",
    ],
)  # fmt: skip
def test_passwords_and_keys_are_secrets(uri):
    assert "hush" not in redacted(f"cannot read {uri} now")
    with pytest.raises(ConfigError, match="holds credentials"):
        load_path(uri)


def test_a_store_is_asked_as_one_only():
    words = ["--input.storage.profile", "p", "--input.storage.environment_prefix", "P_"]
    with pytest.raises(ConfigError, match="profile and environment_prefix exclude each other"):
        load(*words)


def test_what_is_missing_is_named():
    with pytest.raises(ConfigError, match=r"--output.path is required") as error:
        load_config(
            ScoreConfig, parse_arguments(["--input.path", "x", "--output.storage.region", "r"])
        )
    assert "judge" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("inputs: {path: a}", "unknown key inputs.*did you mean"),
        ("input: {pth: a}", "unknown key input.pth.*did you mean input.path"),
        ("input: hello", "input.*is a section"),
        ("- a", "must hold sections"),
        ("a: [", "is not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]", "is not valid YAML"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, message):
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(ScoreConfig, parse_arguments(["--config", str(file), *MINIMAL]))


@pytest.mark.parametrize("name", ["score.yaml", "demo.yaml"])
def test_the_shipped_configurations_are_valid(name):
    load_config(ScoreConfig, parse_arguments(["--config", str(ROOT / "jobs" / name)]))


def test_score_yaml_says_the_defaults_where_it_repeats_them():
    tree = yaml.safe_load((ROOT / "jobs" / "score.yaml").read_text())
    for key, field in dotted_fields(ScoreConfig):
        section, _, name = key.rpartition(".")
        if section == "judge" and name in tree["judge"] and not field.is_required():
            assert tree["judge"][name] == field.default, key


def test_the_file_of_an_inner_section_speaks_of_the_sections_beside_it(tmp_path):
    judge = tmp_path / "j.yaml"
    judge.write_text("family: classifier\nmodel: small\nengine: {dtype: float32}")
    words = ["--judge.model", "big", "--engine.dtype", "bfloat16", "--cheap.judge", str(judge)]
    words += ["--input.path", "in", "--output.path", "out", "--rule.keep_fraction", "0.1"]
    config = load_config(SelectConfig, parse_arguments(words))
    assert (config.judge.model, config.engine.dtype) == ("big", "bfloat16")
    assert config.cheap.judge.model == "small" and config.cheap.engine.dtype == "float32"
    judge.write_text("model: small\ninput: {text: body}")
    with pytest.raises(ConfigError, match=r"unknown key cheap\.input"):
        load_config(SelectConfig, parse_arguments(words))


def test_a_section_can_come_from_a_file_of_its_own(tmp_path):
    whole, judge, storage = (tmp_path / name for name in ("c.yaml", "j.yaml", "s.yaml"))
    whole.write_text("judge: {model: one, chunk_tokens: 32, context_tokens: 64}")
    judge.write_text("model: two\nadaptive: {rule: r.json}")
    storage.write_text("region: here")
    words = ["--config", str(whole), "--judge", str(judge), "--judge.chosen", "C"]
    words += ["--input.storage", str(storage), "--input.path", "in", "--output.path", "out"]
    config = load_config(ScoreConfig, parse_arguments(words))
    assert config.judge.chunk_tokens == 64 and config.judge.adaptive.rule == "r.json"
    assert (config.judge.chosen, config.input.storage.region) == ("C", "here")


def test_a_section_is_a_file_or_keys(tmp_path):
    (tmp_path / "j.yaml").write_text("modle: x")
    with pytest.raises(ConfigError, match=r"--judge is a section: give a YAML file"):
        load_config(ScoreConfig, parse_arguments(["--judge", "x"]))
    with pytest.raises(ConfigError, match=r"judge.modle in .*j.yaml; did you mean judge.model"):
        load_config(ScoreConfig, parse_arguments(["--judge", str(tmp_path / "j.yaml")]))


def test_a_judges_file_brings_the_engine_and_the_input_that_it_needs(tmp_path):
    whole, judge = tmp_path / "c.yaml", tmp_path / "j.yaml"
    whole.write_text("judge: {model: one, chunk_tokens: 32}\ninput: {path: in, text: body}\n")
    own = tmp_path / "own.yaml"
    own.write_text("input: {path: in, prompt: question, completion: answer}\n")
    judge.write_text(
        "family: regression\nmodel: two\nalpha: 10\n"
        "input: {prompt: q, completion: a}\nengine: {name: transformers}\n"
    )
    words = ["--config", str(whole), "--judge", str(judge), "--output.path", "out"]
    config = load_config(ScoreConfig, parse_arguments(words))
    assert (config.judge.family, config.judge.alpha, config.engine.name) == (
        "regression", 10, "transformers",
    )  # fmt: skip
    assert config.input.documents == {"input.prompt": "q", "input.completion": "a"}
    config = load_config(ScoreConfig, parse_arguments(["--config", str(own), *words[2:]]))
    assert config.input.documents == {"input.prompt": "question", "input.completion": "answer"}
    more = ["--input.text", "doc", "--engine.name", "vllm"]
    config = load_config(ScoreConfig, parse_arguments([*words, *more]))
    assert config.input.documents == {"input.text": "doc"} and config.engine.name == "vllm"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--judge.family", "classifier", "--judge.alpha", "10"],
            "alpha is a key of the family regression, and judge.family is classifier; leave it out",
        ),
        (["--judge.alpha", "10"], "is a key of the family regression, and judge.family is pref"),
        (
            ["--judge.family", "regresion"],
            "judge: family is 'regresion'; there are preference, classifier, regression, quantile",
        ),
        (
            ["--judge.family", "classifier", "--judge.reduction", "softmax"],
            "judge.reduction: this is not written as it has to be; --help judge.reduction says how",
        ),
        (
            ["--judge.family", "classifier", "--judge.weights", "1,2"],
            "weights and the reduction weights belong together",
        ),
        (
            ["--judge.family", "classifier", "--judge.as_chat", "true", "--judge.long", "windows"],
            "a chat cannot be cut into windows",
        ),
        (["--input.prompt", "q"], "input.prompt is given without its other half"),
        (["--input.text", "null"], "given: none of them"),
        (
            ["--input.messages", "m", "--input.text", "t"],
            "a prompt and a completion, or messages; given: input.text, input.messages",
        ),
        (
            ["--judge.examples", "[{text: a, prompt: b, reward: 1}]"],
            "this example gives text, prompt",
        ),
    ],
)
def test_keys_of_families_and_kinds_of_documents_exclude_each_other(words, message):
    with pytest.raises(ConfigError, match=message):
        load(*words)
