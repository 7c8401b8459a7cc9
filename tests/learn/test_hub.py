"""A model of the hub without a way to it, and what is said of one that cannot be loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from hitl.errors import HitlError, UsageError
from hitl.learn.hub import loading, located


def test_without_a_way_to_the_hub_it_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for source in ("org/none", Path("org/none")):
        with pytest.raises(OSError, match=r"^no answer from .*, and no copy of it here$"):
            located(source)
    assert located(tmp_path) == tmp_path


def test_an_error_is_one_line_with_what_to_do() -> None:
    with (
        pytest.raises(HitlError) as caught,
        loading("policy", "org/none", "use --policy tiny-zh"),
    ):
        raise OSError("it is not here. \nSee the page on offline mode.")
    assert str(caught.value) == (
        "the policy 'org/none' could not be loaded (it is not here): use --policy tiny-zh"
    )


def test_what_says_what_to_do_already_is_left_alone() -> None:
    with pytest.raises(UsageError, match=r"^add --token-dropout 0$"), loading("model", "x", "y"):
        raise UsageError("add --token-dropout 0")
