"""Training, live, and the blind test, over a real session."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hitl.blind import KIND, PAIRS, base_first, numbers
from hitl.journal import Journal
from hitl.journal.rows import JournalError
from hitl.operator import Contrasted
from hitl.records import Scores
from tests.journal_data import group, judgement, stats

from .driving import driving
from .scripted import ScriptedSession
from .stint import Sitter, new_run, stint


async def trained(me: Sitter) -> None:
    """Until the first update is in."""
    for _ in range(4):
        await me.judge("4", "2")
    await me.until(lambda: me.judging.heard.status.version == 1)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_curves_and_figures(tmp_path: Path, size: tuple[int, int]) -> None:
    async with stint(new_run(tmp_path), size) as me:
        await me.at_desk()
        await me.press("f3")
        assert "no update yet" in me.text
        await me.press("escape")
        await trained(me)
        await me.press("f3")
        for title in ("reward 3.00 mean", "KL 0.10 nats", "entropy 3.00", "value loss", "clipped"):
            assert title in me.text, title
        assert "update 1" in me.text and "3.00 ± 0.50" in me.text
        await me.press("escape")


async def test_the_mean_of_ranks_is_no_curve_of_rounding(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path), mode="rank") as me:
        await me.at_desk()
        me.judging.heard.updates += [
            replace(stats(n), reward=reward) for n, reward in ((1, 7e-9), (2, -1e-8))
        ]
        await me.press("f3")
        await me.sees("reward 0.000 of ranks, so always 0")
        assert "e-0" not in me.text and "0.000 ± " in me.text
        assert "no value head is used" in me.text


async def test_the_curves_grow_while_the_screen_is_open(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path)) as me:
        for _ in range(3):
            await me.judge("4", "2")
        await me.at_desk()
        await me.press("4", "2", "f3")
        await me.sees("reward 3.00")


@pytest.mark.parametrize(
    ("keys", "page"),
    [
        (["tab"], "alarms"),
        (["tab", "tab"], "texts"),
        (["tab", "tab", "tab"], "curves"),
        (["right"], "alarms"),
        (["left"], "texts"),
        (["shift+tab", "shift+tab"], "alarms"),
    ],
)
async def test_pages(tmp_path: Path, keys: list[str], page: str) -> None:
    async with stint(new_run(tmp_path)) as me:
        await me.at_desk()
        await me.press("f3", *keys)
        assert f"[{page}]" in me.text
        pages = [me.app.screen.query_one(f"#{name}") for name in ("curves", "alarms", "texts")]
        assert [one.id for one in pages if one.display] == [page]


async def test_alarms_say_what_to_do(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    with Journal.open(run.journal_path) as journal:
        journal.add_groups([group(n, size=2) for n in range(1, 4)])
        for n in range(1, 4):
            journal.append(judgement(n, verdict=Scores((4.0, 2.0))))
            far = {"sequence_kl": 20.0, "reward_std": 0.0, "notices": ("[/x] slow",)}
            one = stats(n)
            fields = {name: getattr(one, name) for name in one.__dataclass_fields__}
            journal.record_update(type(one)(**{**fields, **far}), [n])
    async with stint(run) as me:
        await me.at_desk()
        await me.press("f3")
        await me.sees("! KL over target")
        assert "lower lr" in me.text and "Tab" in me.text
        await me.press("tab")
        assert "no variance" in me.text and "use the whole scale" in me.text
        assert "[/x] slow" in me.text


async def test_texts_of_base_and_policy_come_when_the_engine_is_idle(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path), (80, 40)) as me:
        await trained(me)
        await me.press("f3", "tab", "tab")
        await me.until(lambda: len(me.judging.heard.contrasts) == 6)
        await me.sees("base  base -1.0.0")
        assert "v1    -1.0.0" in me.text and "prompt 6" in me.text
        asked = list(me.engine.sampled)
        await me.press("escape", "f3")
        await me.pilot.pause(0.1)
        assert me.engine.sampled == asked, "what is known is not written again"
        groups = me.look(lambda j: j.totals().groups)
        await me.press("escape")
        await me.at_desk()
        assert me.look(lambda j: j.totals().groups) == groups, "no group of the run"
        await me.press("f3", "tab", "tab", "down", "up", "pagedown", "pageup")


async def test_the_blind_test_is_blind_counted_and_kept(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path)) as me:
        await trained(me)
        labels = me.look(lambda j: j.totals().labels)
        await me.press("f3", "b")
        await me.sees(f"Enter begins a test of {PAIRS} pairs")
        await me.press("enter")
        for number in numbers(1):
            place = number - numbers(1)[0] + 1
            await me.sees(f"pair {place} of {PAIRS}")
            first, second = me.app.screen.query(".side")
            texts = [side.query_one("Line")._content.plain for side in (first, second)]
            assert texts[0 if base_first(1, number) else 1].startswith("base")
            if place == 3:  # wrong, and taken back
                await me.press("down", "backspace")
                await me.sees(f"pair {place} of {PAIRS}")
            if place == 5:  # left in the middle: it goes on
                await me.press("escape")
                await me.at_desk()
                await me.press("f6")
                await me.sees(f"pair {place} of {PAIRS}")
            await me.press("down" if place == 10 else "right" if base_first(1, number) else "left")
        await me.sees("won 9 of 10, lost 0, 1 ties: 95%")
        await me.sees("It is better than its base.")
        [event] = [e for e in me.look(lambda j: j.events()) if e.kind == KIND]
        assert event.data["wins"] == 9 and event.after_update == 1
        assert len(event.data["pairs"]) == PAIRS
        assert me.look(lambda j: j.totals().labels) == labels
        await me.press("escape", "f6")
        await me.sees("v1: 95% (")
        await me.press("enter")
        await me.until(lambda: me.judging.heard.blind is not None)
        assert me.judging.heard.blind[0] == 2


@pytest.mark.parametrize(
    ("key", "chosen"),
    [("left", 0), ("1", 0), ("１", 0), ("right", 1), ("2", 1), ("down", 2), ("equals_sign", 2)],
)
async def test_keys_of_the_blind_test(tmp_path: Path, key: str, chosen: int) -> None:
    async with stint(new_run(tmp_path), (120, 40)) as me:
        await trained(me)
        await me.press("f6")
        await me.sees("Enter begins")
        await me.press("enter")
        await me.sees("pair 1 of")
        await me.press("pagedown", "pageup", key)
        base = base_first(1, numbers(1)[0])
        better = "tie" if chosen == 2 else "base" if (chosen == 0) == base else "now"
        await me.until(lambda: me.judging.heard.blind[1] == (better,))


async def test_a_text_that_is_read_stays_where_it_is_when_another_one_comes() -> None:
    first, second = numbers(1)[:2]
    long = "\n".join(map(str, range(100)))
    async with driving(ScriptedSession([group(1, ["one", "two"])])) as me:
        await me.at_desk()
        await me.press("f6")
        await me.sees("Enter begins")
        await me.press("enter")
        me.app._operator.notify(Contrasted(first, 12, "prompt", f"a\n{long}", f"b\n{long}"))
        await me.sees("pair 1 of")
        side = me.app.screen.query(".side").first()
        await me.until(lambda: side.max_scroll_y > 2 * side.size.height)
        page = side.size.height - 1
        await me.press("pagedown")
        await me.until(lambda: side.scroll_y == page)
        me.app._operator.notify(Contrasted(second, 12, "prompt", f"c\n{long}", f"d\n{long}"))
        await me.until(lambda: second in me.app._judging.heard.contrasts)
        await me.press("pagedown")
        await me.until(lambda: side.scroll_y == 2 * page)
        await me.press("left")
        await me.sees("pair 2 of")
        await me.until(lambda: side.scroll_y == 0)


async def test_there_is_nothing_to_compare_before_an_update(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path)) as me:
        await me.at_desk()
        await me.press("f6")
        await me.sees("Enter begins")
        await me.press("enter")
        await me.sees("base and taught policy are the same")


async def test_a_result_the_journal_cannot_take_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stint(new_run(tmp_path)) as me:
        await trained(me)
        await me.press("f6")
        await me.sees("Enter begins")
        kept = Journal.event

        def full(*_: object) -> None:
            raise JournalError("the disk is full")

        monkeypatch.setattr(Journal, "event", full)
        await me.press("enter")
        for place in range(1, PAIRS + 1):
            await me.sees(f"pair {place} of {PAIRS}")
            if place == PAIRS:  # an equal pair is a tie without a question
                pair = me.app.screen._pair
                same = replace(pair, after=pair.before)
                me.judging.heard.contrasts[pair.number] = same
                me.app.screen._show()
            else:
                await me.press("left")
        await me.sees("the journal could not take it: Enter tries again")
        await me.press("enter")
        await me.sees("the result is not kept yet")
        monkeypatch.setattr(Journal, "event", kept)
        await me.press("enter")
        await me.sees("v1: ")
        assert "pair 10" not in me.text and "could not take" not in me.text
        assert len([e for e in me.look(lambda j: j.events()) if e.kind == KIND]) == 1


async def test_a_run_of_labels_says_that_nothing_is_trained() -> None:
    session = ScriptedSession([group(1, ["one", "two"])])
    async with driving(session, label_only=True) as me:
        await me.at_desk()
        await me.press("f3")
        await me.sees("nothing is trained in this run")
        await me.press("f6")
        await me.sees("Enter begins")
        await me.press("enter")
        await me.sees("nothing is trained in this run")
