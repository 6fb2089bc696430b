"""YAML that can be read in one way only."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.command_line.arguments import parse_arguments
from rm_ray.command_line.load import load_config
from rm_ray.command_line.yaml_text import read_yaml
from rm_ray.errors import ConfigError
from rm_ray.filter.config import FilterConfig


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10), ("-5", -5), ("1_000", 1000), ("0", 0), ("1e9", 1e9), ("1.5", 1.5), (".5", 0.5),
        ("true", True), ("~", None), ("", None), ("no", "no"), ("Yes", "Yes"), ("on", "on"),
        ("2024-01-01", "2024-01-01"), ("'010'", "010"), ("0-1", "0-1"),
        ("{no: 1, 2020: 2}", {"no": 1, 2020: 2}), ("{<<: {a: 1}, a: 2}", {"a": 2}),
        ("[{a: 1}, {a: 2}]", [{"a": 1}, {"a": 2}]),
    ],
)  # fmt: skip
def test_words_and_numbers_are_those_of_yaml_1_2(text, value):
    assert read_yaml(text) == value and type(read_yaml(text)) is type(value)


@pytest.mark.parametrize("text", ["010", "0o17", "0x1f", "0b1", "1:30", "12:30:45.5", "00", "01.5"])
def test_numbers_that_are_not_decimal_are_refused(text):
    for written in (text, f"a: {text}", f"[{text}]", f"{{{text}: 1}}"):
        with pytest.raises(yaml.YAMLError, match=f"{text} is no decimal number"):
            read_yaml(written)


@pytest.mark.parametrize("text", ["{a: 1, a: 2}", "a: 1\nb:\n  c: 2\na: 3", "x: {a: 1, 'a': 1}"])
def test_keys_that_are_there_twice_are_refused(text):
    with pytest.raises(yaml.YAMLError, match="the key 'a' is there twice") as error:
        read_yaml(text)
    assert "line" in str(error.value)


@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none())
def test_what_pyyaml_writes_comes_back(value):
    assert read_yaml(yaml.safe_dump(value)) == value


def load(*words):
    argv = ["--rewards.path", "/scored", "--output.path", "/kept", *words]
    return load_config(FilterConfig, parse_arguments(argv))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rewards.segments", "0-1"], "segments: '0-1' is not a number"),
        (["--rewards.segments", "01"], "segments: '01' is not a number"),
        (["--output.file_mb", "010"], "output.file_mb: cannot read the value '010': 010 is no dec"),
        (["--output.buckets", "yes"], "output.buckets: 'yes' is not a number"),
        (["--output.buckets", "1:30"], "1:30 is no decimal number"),
        (["--rule.keep_documents", "{en: 1, en: 2}"], "the key 'en' is there twice"),
    ],
)
def test_numbers_of_options_are_written_as_such(words, said):
    with pytest.raises(ConfigError, match=said):
        load(*words)


def test_numbers_in_quotes_and_lists_of_them_are_numbers(tmp_path):
    assert load("--rewards.segments", "0,-1").rewards.segments == [0, -1]
    assert load("--output.file_mb", "1e2").output.file_mb == 100
    assert load("--rule.keep_documents", "{no: 5}", "--rule.by", "lang").rule.quotas.keys() == {
        '["no"]'
    }
    file = tmp_path / "f.yaml"
    file.write_text("output: {buckets: '20'}\nrule: {keep_fraction: null}\n")
    assert load("--config", str(file)).output.buckets == 20
    file.write_text("output: {buckets: '0-20'}\n")
    with pytest.raises(ConfigError, match=r"output\.buckets: '0-20' is not a number"):
        load("--config", str(file))
