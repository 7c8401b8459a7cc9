"""The options of a run, to config.json and back."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from hitl.config.ppo import HUMAN
from hitl.config.recorded import from_json, to_json
from hitl.config.session import SessionConfig
from hitl.creation import create_run
from hitl.errors import UsageError
from hitl.opening import config_of
from hitl.records import StepOptions


def test_a_run_keeps_its_numbers_when_a_preset_becomes_another(tmp_path: Path) -> None:
    run = create_run(tmp_path, "a", SessionConfig(lang="zh", lr=1e-4))
    assert config_of(run).ppo == dataclasses.replace(HUMAN, lr=1e-4)
    told = json.loads(run.config_path.read_text("utf-8"))
    told["ppo"] |= {"ppo_epochs": 7, "adam_betas": [0.5, 0.9]}
    del told["ppo"]["cliprange"]  # a number that this version has, and that one had not
    run.config_path.write_text(json.dumps(told))
    changed = dataclasses.replace(HUMAN, lr=1e-4, ppo_epochs=7, adam_betas=(0.5, 0.9))
    assert config_of(run).ppo == changed


def test_options_go_to_json_and_back() -> None:
    config = SessionConfig(lang="en", mode="rank", lr=1e-4, preset="trl-classic")
    options = json.loads(json.dumps(to_json(config)))
    assert from_json(options, {}, "config.json") == config
    assert "recorded" not in options


@pytest.mark.parametrize(("options", "ppo"), [({"new": 1}, {}), ({}, {"newer": 1})])
def test_what_a_newer_version_wrote_is_refused(
    options: dict[str, int], ppo: dict[str, int]
) -> None:
    with pytest.raises(UsageError, match=r"does not know \(new(er)?\).*newer hitl"):
        from_json(options, ppo, "config.json")


def test_how_the_learning_rate_falls() -> None:
    assert SessionConfig(lr_decay=32.0, lr=1e-4).step_options == StepOptions(1e-4, 6.0, 32.0)
    assert SessionConfig(lr_decay=0).step_options.lr_decay is None
    assert SessionConfig().step_options.lr_decay == 128.0
    assert SessionConfig(preset="trl-classic").step_options.lr_decay is None
    assert SessionConfig(lora=True).step_options == StepOptions(3e-3, 6.0)


def test_a_run_from_before_it_fell_keeps_its_rate() -> None:
    config = SessionConfig()
    numbers = dataclasses.asdict(config.ppo) | {"lr": 3e-4}
    del numbers["lr_decay"]
    assert from_json(to_json(config), numbers, "config.json").step_options == StepOptions(3e-4, 6.0)


def test_lengths_are_ranges_of_tokens() -> None:
    config = SessionConfig(query_tokens="2-8", answer_tokens="4-16", max_new_tokens=16)
    assert (config.query_lengths, config.answer_lengths) == ((2, 8), (4, 16))
    assert SessionConfig().query_lengths is None and SessionConfig().answer_lengths is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"query_tokens": "8"}, "--query-tokens '8' is no range: give LOW-HIGH"),
        ({"query_tokens": "8-2"}, "--query-tokens: give LOW-HIGH from 1"),
        ({"query_tokens": "0-2"}, "--query-tokens: give LOW-HIGH from 1"),
        ({"answer_tokens": "4-40"}, "--answer-tokens 4-40 goes beyond --max-new-tokens 32"),
        ({"warmup": -1}, "--warmup -1 is too small"),
        ({"lr_decay": -1.0}, "--lr-decay -1: give a number of labels"),
        ({"lr_decay": float("nan")}, "--lr-decay nan: give a number of labels"),
        ({"save_steps": 0}, "--save-steps 0 is too small"),
        ({"early_stop_kl": 0.0}, "--early-stop-kl 0 must be above 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        SessionConfig(**options)
