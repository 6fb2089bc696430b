"""The fixture of nights whose scoring, reports and filters a test chooses."""

import pytest

from tests.nightly.days import Days


@pytest.fixture
def days(tmp_path) -> Days:
    return Days(tmp_path / "nights")
