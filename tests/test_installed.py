"""What is installed here."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from hitl.creation import RECORDED
from hitl.installed import version_of


@pytest.mark.parametrize("package", [*RECORDED, "textual", "hitl"])
def test_versions_are_those_that_python_tells(package: str) -> None:
    assert version_of(package) == version(package)


def test_what_has_no_folder_of_its_name_is_asked_for() -> None:
    assert version_of("scikit_no_such") == "none"


def test_a_name_is_not_taken_for_another_that_begins_with_it() -> None:
    assert version_of("text") == "none"
