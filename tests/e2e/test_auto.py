"""PPO against a scorer raises its rewards, and goes on after a stop as if there had been none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Hitl

SMALL = ("--lang", "zh", "--group-size", "4", "--batch-size", "8", "--max-new-tokens", "8",
         "--threads", "1", "--json")  # fmt: skip


def auto(hitl: Hitl, *words: str) -> dict[str, Any]:
    done = hitl("auto", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_the_mean_reward_rises(hitl: Hitl, tmp_path: Path) -> None:
    found = auto(hitl, "--lang", "zh", "--updates", "10", "--max-new-tokens", "12",
                 "--threads", "1", "--run", "a", "--json")  # fmt: skip
    rewards = found["rewards"]
    assert (found["run"], found["updates"], len(rewards)) == ("a", 10, 10)
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.05


def test_a_run_that_was_stopped_goes_on_bit_for_bit(hitl: Hitl, tmp_path: Path) -> None:
    whole = auto(hitl, *SMALL, "--updates", "2", "--run", "whole")
    auto(hitl, *SMALL, "--updates", "1", "--run", "parts")
    parts = auto(hitl, *SMALL, "--updates", "2", "--run", "parts")
    assert parts["rewards"] == whole["rewards"] and len(whole["rewards"]) == 2
    run = tmp_path / "checkpoints" / "parts"
    pictures = {path.name for path in (run / "plots").iterdir()}
    assert pictures == {"reward.png", "kl.png", "entropy.png", "losses.png", "timing.png"}
    assert len(list((run / "tensorboard").glob("events.*"))) == 2
    assert (run / "steps" / "000002" / "policy" / "model.safetensors").is_file()

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard")).Reload()
    shown = [event.value for event in events.Scalars("ppo/reward")]
    assert shown == pytest.approx(whole["rewards"])

    other = hitl("auto", *SMALL, "--run", "parts", "--raw")
    assert other.returncode == 2 and "take another --run" in other.stderr


def test_raw_logits_with_a_baseline_and_samples_on_the_screen(hitl: Hitl) -> None:
    done = hitl("auto", *SMALL[:-1], "--updates", "1", "--raw", "--reward-baseline", "1",
                "--samples", "2", "--run", "a")  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("update 1: mean reward"))
    assert all(line.startswith("  ") for line in lines[place + 1 : place + 3])
    assert "1/1" in done.stderr and "hitl compare a" in done.stdout
    listed = json.loads(hitl("runs", "--json").stdout)
    told = float(lines[place].split("mean reward ")[1].split(",")[0])
    assert listed[0]["reward"] == pytest.approx(told - 1, abs=1e-3)
