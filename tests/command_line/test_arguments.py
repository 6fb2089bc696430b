"""Words of a command line: options, flags, and what help is asked for."""

import pytest

from rm_ray.command_line.arguments import Arguments, parse_arguments


@pytest.mark.parametrize(
    ("words", "help_on"),
    [
        ([], None), (["-h"], ""), (["--help"], ""), (["--help", "input"], "input"),
        (["-h", "input.path"], "input.path"), (["--help=input"], "input"), (["--help="], ""),
        (["--help", "--dry-run"], ""), (["--input.path", "x", "--help", "judge"], "judge"),
        (["--input.path=--help"], None),  # the value of that option
    ],
)  # fmt: skip
def test_help_may_name_a_section(words, help_on):
    assert parse_arguments(words).help == help_on


def test_a_switch_alone_is_true():
    words = ["--run.retry_failed", "--a=b=c", "--dry-run", "--run.rescore_changed", "false"]
    assert parse_arguments(words, ["run.retry_failed", "run.rescore_changed"]) == Arguments(
        None, {"run.retry_failed": "true", "a": "b=c", "run.rescore_changed": "false"}, True, None
    )
