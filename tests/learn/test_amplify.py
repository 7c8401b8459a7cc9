"""--amplify on a shipped policy: exact like any update, and silent where it knows nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hitl.config.ppo import PPOConfig
from hitl.config.recorded import RecordedConfig
from hitl.config.session import SessionConfig
from hitl.engine import UpdateRefusedError
from hitl.errors import UsageError
from hitl.learn import amplify
from hitl.learn.engine import LocalEngine
from hitl.learn.labels import FILE
from hitl.learn.step import StepResult, ppo_step
from hitl.records import LabelledGroup, Mode, Prompt
from hitl.shipped import shipped

SMALL = PPOConfig(
    ppo_epochs=1, amplify_updates=2, amplify_prompts=2, amplify_group=2, amplify_gate=0.0
)
OFF = RecordedConfig(lang="zh", group_size=2, max_new_tokens=6, seed=5, recorded=SMALL)
ON = dataclasses.replace(OFF, amplify="on")
TEXTS = ("这部电影很", "酒店", "房间的", "这本书")


def engine(
    config: SessionConfig = ON,
    tell: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> LocalEngine:
    source = shipped("checkpoints", config.base_policy)
    assert source is not None
    return LocalEngine(source, config, tell)


def judged(engine: LocalEngine, first: int, groups: int = 6) -> list[LabelledGroup]:
    prompts = [Prompt(TEXTS[n % len(TEXTS)], n) for n in range(first, first + groups)]
    return [LabelledGroup(g, (1.0, -1.0), "op", Mode.RANK) for g in engine.sample(prompts, 2, 5)]


def test_it_learns_from_texts_nobody_read_and_says_so() -> None:
    one, off = engine(), engine(OFF)
    batch = judged(one, 1)
    mine, plain = one.update(1, batch), off.update(1, batch)
    assert mine.own_texts == 2 * 2 * 2 and mine.own_accuracy is not None
    assert mine.digest != plain.digest and (plain.own_texts, plain.own_accuracy) == (0, None)
    assert (mine.labels, mine.reward, mine.policy_loss) == (
        plain.labels,
        plain.reward,
        plain.policy_loss,
    )


def test_each_further_step_goes_no_further_than_its_part_of_one_on_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    went: list[float] = []

    def seen(*args: object, **named: object) -> StepResult:
        result = ppo_step(*args, **named)  # type: ignore[arg-type]
        went.append(result.outcome.step_kl)
        return result

    monkeypatch.setattr(amplify, "ppo_step", seen)
    far = dataclasses.replace(SMALL, lr=0.01, stop_kl=0.1)
    one = engine(dataclasses.replace(ON, recorded=far))
    stats = one.update(1, judged(one, 1))
    assert 0.05 <= stats.step_kl <= 0.1
    assert len(went) == 2 and all(0.025 <= kl <= 0.05 for kl in went)


def test_a_run_taken_up_from_a_checkpoint_goes_on_bit_for_bit(tmp_path: Path) -> None:
    one = engine()
    one.update(1, judged(one, 1))
    one.save(tmp_path)
    assert (tmp_path / FILE).exists()
    second = judged(one, 7, groups=2)
    other = engine()
    other.sample([Prompt("酒店", 99)], 2, 5)  # what was sampled between is no matter
    assert other.load(tmp_path) == 1
    stats = one.update(2, second)
    assert other.update(2, second).digest == stats.digest
    assert stats.own_texts > 0


def test_its_steps_are_told_from_before_the_first_on() -> None:
    """Or the engine would be called idle while the base policy writes what is measured against."""
    told = list[tuple[str, int, int]]()
    one = engine(tell=lambda *said: told.append(said))
    one.update(1, judged(one, 1))
    assert told[-4:] == [("update", 1, 1), ("update", 0, 2), ("update", 1, 2), ("update", 2, 2)]
    one.update(2, judged(one, 7), hurried=lambda: True)
    assert told[-3:] == [("update", 1, 1), ("update", 0, 2), ("update", 2, 2)]


def test_one_in_a_hurry_makes_fewer_steps_and_says_how_many() -> None:
    one, whole, again = engine(), engine(), engine()
    batch = judged(one, 1)
    hurried = one.update(1, batch, hurried=lambda: True)
    assert hurried.own_steps == 1 and hurried.own_texts == 2 * 2
    assert whole.update(1, batch).own_steps == 2
    assert hurried.digest != whole.digest()
    # Made again from what the journal has of it, by an engine that has all the time there is.
    assert again.update(1, batch, hurried.options).digest == hurried.digest


def test_a_reward_model_that_is_not_good_enough_teaches_nothing() -> None:
    shut = dataclasses.replace(ON, recorded=dataclasses.replace(SMALL, amplify_gate=1.1))
    one, off = engine(shut), engine(OFF)
    batch = judged(one, 1)
    stats = one.update(1, batch)
    assert stats.own_texts == 0 and stats.own_accuracy is not None
    assert stats.digest == off.update(1, batch).digest


def test_too_few_labels_teach_as_without() -> None:
    one, off = engine(), engine(OFF)
    batch = judged(one, 1, groups=2)
    stats = one.update(1, batch)
    assert (stats.own_texts, stats.own_accuracy) == (0, None)
    assert stats.digest == off.update(1, batch).digest


def test_an_update_that_breaks_in_its_further_steps_is_undone_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = engine()
    before, batch = one.digest(), judged(one, 1)
    monkeypatch.setattr(
        amplify, "penalties", lambda ids, *usual: torch.full((len(ids),), torch.nan).double()
    )
    with pytest.raises(UpdateRefusedError, match="update 1 was undone"):
        one.update(1, batch)
    assert (one.digest(), one.version) == (before, 0)
    monkeypatch.undo()
    assert one.update(1, batch).digest == engine().update(1, batch).digest


def test_without_it_a_checkpoint_is_what_it_was(tmp_path: Path) -> None:
    off = engine(OFF)
    off.update(1, judged(off, 1))
    off.save(tmp_path)
    assert not (tmp_path / FILE).exists()


def test_the_classic_step_is_left_classic() -> None:
    with pytest.raises(UsageError, match="--amplify"):
        SessionConfig(amplify="on", preset="trl-classic")
