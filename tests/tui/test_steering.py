"""Pausing training, and changing its options, from the judging screen."""

from __future__ import annotations

import pytest

from hitl.config.session import SessionConfig
from hitl.records import Mode
from hitl.tuning import Tune

from .driving import driving
from .scripted import ScriptedSession, group

TEXTS = ["a fine day", "a dull day"]


def session(mode: Mode = Mode.SCORE, **options: object) -> ScriptedSession:
    return ScriptedSession([group(1, TEXTS)], mode=mode, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["t", "ｔ"])
@pytest.mark.parametrize("mode", list(Mode))
async def test_a_pause_stays_in_sight_and_the_same_key_ends_it(mode: Mode, key: str) -> None:
    async with driving(session(mode)) as me:
        await me.at_desk()
        assert "paused" not in me.lines[0]
        await me.press(key)
        await me.sees("training is paused: judge on, t goes on with it")
        await me.at_desk()
        assert "paused" in me.lines[0]
        await me.press(*{"score": "54", "rank": "1", "pair": "1"}[mode.value])
        await me.kept(1)
        assert "paused" in me.lines[0]
        await me.press(key)
        await me.sees("training goes on: lr 0.001, KL budget 6 nats")
        assert "paused" not in me.lines[0]
        assert [r for r in me.session.replies if isinstance(r, Tune)] == [
            Tune(paused=True),
            Tune(paused=False),
        ]


async def test_a_pause_keeps_what_is_entered() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("5", "t")
        await me.sees("training is paused")
        await me.at_desk()
        assert "[ 5 ]" in me.text
        await me.press("4")
        await me.kept(1)


HELD = SessionConfig().step_options
FIELD = f"lr {HELD.lr:g}  kl {HELD.target_kl:g}"


async def test_the_field_shows_what_holds_and_only_a_change_is_sent() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("l")
        assert FIELD in me.text
        await me.press("enter")
        await me.sees("as it was")
        await me.press("ｌ", *["backspace"] * len(f"{HELD.target_kl:g}"), "4", "enter")
        await me.sees("from the next update on: lr 0.001, KL budget 4 nats")
        assert me.session.replies == [Tune(target_kl=4)]
        await me.at_desk()
        await me.press("l")
        assert "lr 0.001  kl 4" in me.text


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("lr 2", "a learning rate of 2 is none: above 0 and below 1"),
        ("kl 0", "a KL budget of 0 nats is none: above 0"),
        ("lr fast", '"fast" is no number'),
        ("1e-4", "names no learning rate or KL budget"),
        ("", "names no learning rate or KL budget"),
    ],
)
async def test_what_cannot_be_taken_is_refused_in_words_and_can_be_mended(
    typed: str, why: str
) -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("l", *["backspace"] * len(FIELD), *typed, "enter")
        await me.sees(why)
        assert not me.session.replies
        await me.press("l")
        assert (typed or FIELD) in me.text
        await me.press("escape", "5")
        assert "[ 5 ]" in me.text


async def test_without_training_there_is_nothing_to_change() -> None:
    async with driving(session(), label_only=True) as me:
        await me.at_desk()
        for key in "tl":
            await me.press("5", key)
            assert "nothing is trained in this run" in me.text
            await me.press("backspace")
        assert not me.session.replies


async def test_the_help_page_has_both_keys() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("question_mark", *["pagedown"] * 3)
        assert "train.pause" in me.text and "train.options" in me.text
