"""The status line says what is so: checkpoint, batch, pause."""

from __future__ import annotations

from hitl.operator import Progress, Ready, Saved, Updated

from .driving import driving
from .scripted import ScriptedSession, group, stats


def session(**options: object) -> ScriptedSession:
    return ScriptedSession([group(1, ["a fine day", "a dull day"])], **options)  # type: ignore[arg-type]


async def test_before_the_first_update_there_is_no_word_of_checkpoints() -> None:
    async with driving(session(), version=0) as me:
        await me.at_desk()
        assert "saved" not in me.lines[0]
        await me.press("ctrl+s")
        await me.sees("saved")
        await me.at_desk()
        assert "saved" not in me.lines[0], "there is none: the labels are in the journal"


async def test_a_resumed_run_shows_the_age_of_the_checkpoint_on_disk() -> None:
    async with driving(session(), checkpoint_age=190.0) as me:
        await me.at_desk()
        assert "saved 3m" in me.lines[0]
        me.app._operator.notify(Saved(13))
        await me.sees("saved 0s")


async def test_labels_judged_behind_an_update_are_in_the_batch_at_once() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("5", "4")
        await me.kept(1)
        assert "batch 2/8" in me.lines[0]
        me.app._operator.notify(Updated(stats(13), 2))
        await me.sees("policy v13")
        assert "batch 2/8" in me.lines[0]


async def test_a_pause_shows_through_the_sampling_behind_it_but_not_through_an_update() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("t")
        await me.sees("training is paused")
        me.app._operator.notify(Progress("sample", 3, 40))
        await me.sees("│ paused │")
        me.app._operator.notify(Progress("update", 1, 4))
        await me.sees("PPO 1/4")
        me.app._operator.notify(Updated(stats(13), 0))
        await me.sees("│ paused │")


async def test_groups_that_come_while_one_is_judged_are_counted() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        assert "3 ready" in me.lines[0]
        me.app._operator.notify(Ready(5))
        await me.sees("5 ready")
        me.app._operator.notify(Progress("update", 0, 0))
        await me.sees("│ PPO │")
