"""The status line says what is so: checkpoint, batch, pause."""

from __future__ import annotations

import time

from hitl.operator import Notice, Progress, Ready, Saved, Updated
from hitl.tui.content import own
from hitl.wording import Sentence

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


async def test_the_status_says_that_the_policy_is_being_loaded() -> None:
    async with driving(session(before=lambda operator: time.sleep(0.5))) as me:
        await me.sees("Loading the policy")
        assert "loading" in me.lines[0] and "idle" not in me.lines[0]


async def test_an_answer_to_a_key_leaves_the_keys_on_the_screen() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        me.app._operator.notify(Notice(Sentence("nothing to undo yet")))
        await me.sees("nothing to undo yet")
        assert "? help" in me.text
        await me.press("4")
        assert "nothing to undo yet" not in me.text


async def test_the_same_warning_is_counted_once() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        for text in ("no GPU", "no GPU", "a full disk", "a full disk"):
            me.app._operator.notify(Notice(text, "warning"))
        await me.sees("a full disk  (+1)")


async def test_what_does_not_fit_beside_the_figures_takes_their_place() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        me.app._operator.notify(Updated(stats(13), 0))
        await me.sees("reward 2.90  KL 0.80")
        me.app.screen.refuse("digits, best to worst; or best, worst and Enter")
        await me.sees("digits, best to worst; or best, worst and Enter  ")
        await me.sees("reward 2.90  KL 0.80")
        me.app.screen.say(own("word " * 14 + "end"))
        await me.sees("word end")
        assert "KL 0.80" not in me.text
        me.app.screen.say(own(""))
        await me.sees("reward 2.90  KL 0.80")
