"""Waiting for a group: how long, and what is written so far."""

from __future__ import annotations

from hitl.operator import Partial, Progress, Resample, Waiting
from hitl.tui.heard import Heard
from hitl.tui.widgets.status import Status

from .driving import Driver, driving
from .scripted import ScriptedSession, group, stats

TEXTS = ["a fine day", "a dull day"]


def session(**options: object) -> ScriptedSession:
    return ScriptedSession([group(1, TEXTS)], **options)  # type: ignore[arg-type]


async def waits(me: Driver, group: tuple[int, int] | None = None, entries: str = "54") -> None:
    """A group is judged and no other is there."""
    await me.at_desk()
    await me.press(*entries)
    await me.until(lambda: me.app.screen.desk and not me.app.screen.open)
    me.app._operator.notify(Waiting("sample", group))
    await me.sees("Writing completions")


def says(me: Driver, *texts: str, key: tuple[int, int] = (2, 0)) -> None:
    me.app._operator.notify(Partial(key, "Once upon", texts))


async def test_completions_grow_on_the_cards_and_cannot_be_judged_yet() -> None:
    async with driving(session(hold={"judged"})) as me:
        await waits(me)
        says(me, "a lit", "the")
        await me.sees("a lit")
        assert "Prompt 2  Once upon" in me.text and "Writing" not in me.text
        says(me, "a little [/x] \x1b[31mdog", "the fox")
        await me.sees("a little [/x] [31mdog")
        assert me.text.count("[ … ]") == 2 and "the fox" in me.text
        await me.press("5")
        assert "no new group yet: this key was not taken" in me.text
        await me.pilot.pause(0.6)  # the clock ticks
        assert "Prompt 2  Once upon" in me.text and "the fox" in me.text
        me.session.let_go()
        await me.kept(1)
        assert "the fox" not in me.text and "[ … ]" not in me.text and "a fine day" in me.text


async def test_the_first_group_of_a_run_grows_too() -> None:
    def before(operator: object) -> None:
        operator.notify(Waiting("sample"))  # type: ignore[attr-defined]
        operator.notify(Partial((1, 0), "Once", ("a", "")))  # type: ignore[attr-defined]
        waiting.pause("before")

    waiting = session(before=before, hold={"before"})
    async with driving(waiting) as me:
        await me.sees("Prompt 1  Once")
        assert me.text.count("[ … ]") == 2 and "nothing" not in me.text
        await me.until(lambda: me.app.screen.cards[0].size.height >= 4)
        waiting.let_go()
        await me.at_desk()


async def test_what_grows_is_seen_from_its_top() -> None:
    texts = [f"text {number}" for number in range(1, 10)]
    async with driving(ScriptedSession([group(1, texts)], hold={"judged"})) as me:
        await waits(me, entries="5" * len(texts))
        assert me.app.screen.current_card().place == len(texts) - 1, "far below"
        says(me, *(f"grows {number}" for number in range(1, 10)))
        await me.sees("grows 1")
        me.session.let_go()
        await me.kept(1)
        await me.sees("text 1")


async def test_another_group_than_the_awaited_one_is_not_shown() -> None:
    async with driving(session(hold={"judged"})) as me:
        await waits(me, (1, 1))
        says(me, "from elsewhere", "", key=(4, 0))
        says(me, "the same prompt", "again", key=(1, 1))
        await me.sees("the same prompt")
        assert "elsewhere" not in me.text


async def test_a_group_on_the_screen_is_left_alone() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        says(me, "from elsewhere", "")
        await me.press("5")
        assert "elsewhere" not in me.text and "a fine day" in me.text and "[ 5 ]" in me.text
        await me.press("r")
        await me.until(lambda: Resample() in me.session.replies)


async def test_an_update_takes_the_place_of_what_grew() -> None:
    async with driving(session(hold={"judged"})) as me:
        await waits(me)
        says(me, "a lit", "the")
        await me.sees("a lit")
        me.app._operator.notify(Waiting("update"))
        await me.sees("Learning from the batch")
        assert "a lit" not in me.text and "Once upon" not in me.text


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def heard() -> tuple[Heard, Clock]:
    clock = Clock()
    return Heard(Status("run", "tiny", 0), [stats(1)], clock), clock


def test_how_long_sampling_takes_is_the_mean_of_the_last_times() -> None:
    told, clock = heard()
    for seconds in (2, 4):
        told.told(Progress("sample", 1, 40))
        clock.now += seconds
        told.told(Progress("sample", 1, 1))
    assert told.left is None, "nobody waits but for the load"
    told.told(Waiting("sample"))
    assert told.left == 3
    told.told(Progress("sample", 1, 40))
    clock.now += 1
    assert told.left == 2
    clock.now += 9
    assert told.left == 0


def test_a_wait_for_an_update_counts_the_sampling_after_it() -> None:
    told, clock = heard()
    told.told(Progress("sample", 1, 40))
    clock.now += 3
    told.told(Progress("sample", 1, 1))
    told.told(Waiting("update"))
    told.told(Progress("update", 0, 4))
    clock.now += 1
    assert told.left == stats(1).seconds - 1 + 3
    told.told(Progress("update", 1, 4))
    assert told.left == 3 + 3
    assert told.waiting is not None and told.waiting[0] == "update"
    told.told(Progress("sample", 1, 40))
    assert told.waiting[0] == "sample", "what the engine does now, not why the wait began"


def test_without_a_measure_there_is_no_promise() -> None:
    clock = Clock()
    told = Heard(Status("run", "tiny", 0), [], clock)
    told.told(Waiting("sample"))
    assert told.left is None
    told.told(Progress("sample", 1, 41))
    clock.now += 1
    told.told(Progress("sample", 11, 41))
    assert told.left == 3
