"""The policy a run began with, when it is looked for again."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl.base import base_of
from hitl.config.session import SessionConfig
from hitl.errors import HitlError, UsageError
from hitl.rundir import RunDir


def test_a_policy_that_is_gone_is_told_with_its_run(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "mine", {})
    policy = tmp_path / "elsewhere" / "policy"
    config = SessionConfig(lang="zh", policy=str(policy))
    with pytest.raises(HitlError) as caught:
        base_of(run, config)
    assert str(caught.value) == (
        f"run mine was begun on the policy {policy}, which is not there any more: put it back "
        "where it was"
    )
    policy.mkdir(parents=True)
    with pytest.raises(UsageError, match=r"policy has no config.json: give a folder"):
        base_of(run, config)


def test_a_shipped_policy_is_there(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "mine", {})
    found = base_of(run, SessionConfig(lang="zh"))
    assert isinstance(found, Path) and found.name == "tiny-zh"
