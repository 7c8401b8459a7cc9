"""The data screen over a real journal and a real session."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hitl.journal import Filter, Journal
from hitl.records import Mode, Scores
from hitl.rundir import RunDir
from hitl.tui.screens import data
from hitl.tui.widgets.line import Line
from tests.journal_data import group, judgement, stats

from .driving import driving
from .scripted import ScriptedSession
from .scripted import group as texts
from .stint import Sitter, new_run, stint


async def judged(me: Sitter, count: int) -> None:
    """So many groups of 4 and 2, and the data screen over the next."""
    for _ in range(count):
        await me.judge("4", "2")


async def rows(me: Sitter, count: int) -> None:
    await me.until(lambda: len(me.app.screen._page.rows) == count)
    await me.pilot.pause()


async def test_what_was_judged_newest_first_and_its_group(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path)) as me:
        await judged(me, 5)
        await me.press("f4")
        await rows(me, 5)
        assert "1–5 of 5" in me.text
        await me.sees("Prompt 5")
        assert "waiting" in me.text and "update 1" in me.text
        assert "4 5.0.0" in me.text and "2 5.0.1" in me.text
        await me.press("down")
        await me.sees("Prompt 4")
        await me.sees("already trained")


async def test_enter_brings_a_judgement_back_with_what_was_given(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path)) as me:
        await judged(me, 3)
        await me.press("5", "f4")  # half a judgement of group 4
        await rows(me, 3)
        await me.press("down", "enter")
        await me.until(lambda: me.app.screen is me.judging)
        await me.sees("Prompt 2")
        await me.at_desk()
        assert "[ 4 ]" in me.text and "[ 2 ]" in me.text
        await me.press("backspace", "5")  # 4 and 5
        await me.sees("Prompt 4")
        await me.at_desk()
        assert "[ 5 ]" in me.text, "the half-judged group is as it was"
        again = me.look(lambda j: j.judged())
        assert [one.group.prompt.number for one in again] == [2, 3, 1]
        assert again[0].judgement.verdict == Scores((4.0, 5.0))


async def test_x_takes_a_judgement_back_and_its_group_comes_later(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path)) as me:
        await judged(me, 2)
        await me.press("f4")
        await rows(me, 2)
        await me.press("x")
        await rows(me, 1)
        await me.sees("taken back")
        assert me.look(lambda j: j.totals().pending_labels) == 2
        await me.press("escape")
        assert "the group is back" not in me.text and "its group comes again" in me.text
        seen = []
        for _ in range(4):
            await me.at_desk()
            seen.append(me.judging.desk.group.prompt.number)
            if seen[-1] == 2:
                assert "[ 4 ]" in me.text
            await me.judge(*(["enter"] if seen[-1] == 2 else ["5", "5"]))
        assert 2 in seen and seen[0] == 3


@pytest.mark.parametrize("key", ["x", "enter", "delete"])
async def test_what_is_trained_stays_and_the_screen_says_so(tmp_path: Path, key: str) -> None:
    async with stint(new_run(tmp_path)) as me:
        await judged(me, 4)
        await me.until(lambda: me.look(lambda j: j.last_update()) == 1)
        await me.press("f4")
        await rows(me, 4)
        await me.until(lambda: me.app.screen.listed.state == "trained")
        await me.press(key)
        await me.sees("already trained: update 1")
        assert me.app.screen.WHERE == "data"
        assert me.look(lambda j: j.totals().judgements) == 4
        await me.press("down")
        await me.until(lambda: "already trained: update 1" not in me.text)


def filled(root: Path, count: int) -> RunDir:
    """A run with groups of other hands, modes, flags and notes."""
    run = new_run(root)
    with Journal.open(run.journal_path) as journal:
        journal.add_groups([group(n, size=2) for n in range(1, count + 1)])
        for n in range(1, count + 1):
            said = judgement(n, verdict=Scores((4.0, 2.0)))
            other = {
                "operator": "li" if n % 2 else "王[/x]",
                "mode": Mode.RANK if n % 3 == 0 else Mode.SCORE,
                "flag": n == 5,
                "note": "雾 100%_" if n == 7 else "",
                "shown": (1, 0),
            }
            journal.append(type(said)(**{**_fields(said), **other}))
    return run


def _fields(one: object) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("keys", "count", "says"),
    [
        (["f"], 1, "flagged"),
        (["n"], 1, "with a note"),
        (["m"], 6, "scores"),
        (["m", "m"], 3, "rankings"),
        (["m", "m", "m"], 0, "pairs"),
        (["m", "m", "m", "m"], 9, "Judgements: all"),
        (["o"], 5, "by li"),
        (["o", "o"], 4, "by 王[/x]"),
        (["s"], 5, "waiting"),
        (["s", "s"], 4, "trained"),
        (["s", "s", "s"], 0, "set aside"),
        (["s", "s", "s", "s"], 0, "left"),
        (["slash", *"100%_", "enter"], 1, "with “100%_”"),
        (["slash", *"6.1", "enter"], 1, "with “6.1”"),
        (["slash", *"x", "escape"], 9, "Judgements: all"),
        (["f", "m", "c"], 9, "Judgements: all"),
    ],
)
async def test_filters(tmp_path: Path, keys: list[str], count: int, says: str) -> None:
    async with stint(filled(tmp_path, 9)) as me:
        await me.at_desk()
        await me.until(lambda: me.engine.version == 1)
        await me.press("f4")
        await rows(me, 9)
        await me.press(*keys)
        await rows(me, count)
        await me.sees(says)
        assert (f"1–{count} of {count}" in me.text) == bool(count)


async def test_paging_through_more_than_a_page(tmp_path: Path) -> None:
    async with stint(filled(tmp_path, 250)) as me:
        await me.at_desk()
        await me.press("f4")
        await rows(me, 100)
        assert "1–100 of 250" in me.text
        await me.press("end")
        await me.sees("201–250 of 250")
        await me.until(lambda: me.app.screen.listed.number == 1)
        await me.press("home")
        await me.sees("1–100 of 250")
        assert me.app.screen.listed.number == 250
        for _ in range(30):
            await me.press("pagedown")
            await me.pilot.pause(0.01)
        await me.sees("201–250 of 250")
        await me.press("home")
        await me.sees("1–100 of 250")
        me.app.screen.query_one("Table").move_cursor(row=99)
        await me.press("down")
        await me.sees("101–200 of 250")
        assert me.app.screen.listed.number == 150
        await me.press("up")
        await me.sees("1–100 of 250")
        await me.until(lambda: me.app.screen.listed.number == 151)


@pytest.mark.parametrize(("place", "form"), [(0, "ranklist"), (1, "preferences"), (2, "scores")])
async def test_export_is_what_the_command_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int, form: str
) -> None:
    from hitl.export_files import labels_file

    monkeypatch.chdir(tmp_path)
    run = filled(tmp_path, 9)
    async with stint(run) as me:
        await me.at_desk()
        await me.press("f4", "e", *["down"] * place, "enter")
        await me.sees("file to write")
        await me.press("enter")
        await me.sees("9 judgements")
        [file] = [p for p in tmp_path.iterdir() if p.is_file()]
        content, _ = labels_file(run, form)  # type: ignore[arg-type]
        assert file.read_bytes() == content and form in file.name
        if form != "ranklist":
            assert json.loads(content.splitlines()[0])["prompt"] == "提示 1"
        await me.press("e", *["down"] * place, "enter", "enter")
        await me.sees("there already: e again, with another name")
        assert "--" not in me.text and file.read_bytes() == content


async def test_where_no_file_can_be_the_screen_says_what_to_do_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("mine")
    async with stint(filled(tmp_path, 3), (120, 40)) as me:
        await me.at_desk()
        await me.press("f4", "e", "enter")
        await me.sees("file to write")
        await me.press(*["backspace"] * 20, *"taken/x", "enter")
        await me.sees("could not be written")
        assert "e again, with another name" in me.text and "--out" not in me.text
        await me.press("e", "enter")
        await me.sees("file to write")
        await me.press(*["backspace"] * 20, "enter")
        await me.sees("nothing was typed: no file is written")


async def test_what_is_filtered_out_is_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = filled(tmp_path, 9)
    with Journal.open(run.journal_path, readonly=True) as journal:
        flagged = {j.group.key[0] for j in journal.judged() if j.judgement.flag}
        assert 0 < len(flagged) < 9
    async with stint(run) as me:
        await me.at_desk()
        await me.press("f4")
        await rows(me, 9)
        await me.press("f")
        await rows(me, len(flagged))
        await me.press("e", "down", "down")
        await me.sees("export the judgements listed (flagged) as")
        await me.press("enter", "enter")
        await me.sees(f"labels of {len(flagged)} judgements")
        [file] = [p for p in tmp_path.iterdir() if p.is_file()]
        assert {json.loads(line)["group"] for line in file.read_text().splitlines()} == flagged


async def test_the_operators_own_figures(tmp_path: Path) -> None:
    async with stint(filled(tmp_path, 30), (100, 30)) as me:
        await me.at_desk()
        await me.press("f4", "i")
        await me.sees("30 judgements, 60 labels, 26.7 judgements/min")
        assert "no group has come a second time" in me.text
        await me.press("escape")
        assert me.app.screen.WHERE == "data"


async def test_foreign_text_is_harmless(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    nasty = "[/x] [@click=app.quit]\x1b]0;x\x07\x1b[2J\u202eabc\ud800"
    with Journal.open(run.journal_path) as journal:
        one = group(1, size=2)
        done = tuple(type(c)(**{**_fields(c), "text": nasty}) for c in one.completions)
        prompt = type(one.prompt)(nasty, 1)
        journal.add_groups([type(one)(**{**_fields(one), "prompt": prompt, "completions": done})])
        said = judgement(1, verdict=Scores((4.0, 2.0)))
        more = {"operator": nasty, "note": nasty, "shown": (0, 1)}
        journal.append(type(said)(**{**_fields(said), **more}))
    async with stint(run, (100, 30)) as me:
        await me.at_desk()
        await me.press("f4")
        await rows(me, 1)
        await me.sees("[@click=app.quit]")
        await me.press("o")
        assert "\x1b" not in me.text and "\u202e" not in me.text and "[/x]" in me.text


@pytest.mark.parametrize(
    ("width", "says"),
    [(80, "s m o f n filter"), (120, "s state  m mode  o operator  f flag  n note")],
)
async def test_the_keys_of_the_filter_are_told_apart(tmp_path: Path, width: int, says: str) -> None:
    async with stint(filled(tmp_path, 3), (width, 30)) as me:
        await me.at_desk()
        await me.press("f4")
        await rows(me, 3)
        assert says in me.lines[-1]
        assert "c all" not in me.text, "nothing is filtered out"
        await me.press("s")
        assert "c all" in me.lines[-1]
        assert me.lines[-1].rstrip().endswith("Esc  ? help"), "the way out stays"


async def test_the_count_of_another_filter_is_not_shown(tmp_path: Path) -> None:
    async with stint(filled(tmp_path, 9)) as me:
        await me.at_desk()
        await me.press("f4")
        await rows(me, 9)
        screen = me.app.screen
        screen._filter = Filter(flagged=True)
        screen._show_filter()  # as between the key and the journal's answer
        filtered = screen.query_one("#filter", Line)._content.plain
        assert "flagged" in filtered and "…" in filtered and "9" not in filtered
        screen.action_clear()
        await me.sees("1–9 of 9")


@contextmanager
def held_up(patch: pytest.MonkeyPatch, of: object, name: str) -> Iterator[None]:
    """Whoever calls this function waits for the end of the block."""
    go, call = threading.Event(), getattr(of, name)

    def waiting(*given: Any) -> Any:
        assert go.wait(120)  # longer than `until`, which then says what was not seen
        return call(*given)

    patch.setattr(of, name, waiting)
    try:
        yield
    finally:
        go.set()


def said(me: Sitter, name: str) -> str:
    return str(me.app.screen.query_one(name, Line)._content.plain)


async def test_nothing_is_said_of_a_journal_that_is_still_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stint(filled(tmp_path, 9)) as me:
        await me.at_desk()
        with held_up(monkeypatch, Journal, "count"):
            await me.press("f4")
            await me.sees("s m o f n filter")
            assert not said(me, "#filter") and not said(me, "#group")
            await me.pilot.resize_terminal(120, 30)
            await me.sees("s state  m mode")
            assert not said(me, "#filter") and not said(me, "#group")
            await me.press("n", "c")
            await me.until(lambda: said(me, "#filter") == "Judgements: all   …")
        await me.sees("1–9 of 9")
        await me.pilot.resize_terminal(80, 24)
        await me.sees("s m o f n filter")
        await me.sees("1–9 of 9")
        await me.until(lambda: me.app.screen.listed.number == 9 and "天气 9." in me.text)


async def test_what_was_filtered_out_is_not_called_unjudged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stint(filled(tmp_path, 4)) as me:
        await me.at_desk()
        await me.press("f4")
        await rows(me, 4)
        await me.press("f")
        await me.sees("none: c shows all again")
        with held_up(monkeypatch, Journal, "count"):
            await me.press("c")
            await me.until(lambda: said(me, "#filter") == "Judgements: all   …")
            await me.pilot.resize_terminal(120, 30)
            await me.sees("s state  m mode")
            assert not said(me, "#group")
        await me.sees("1–4 of 4")


async def test_a_run_without_a_journal_waits_for_no_figures() -> None:
    async with driving(ScriptedSession([texts(1, ["one", "two"])])) as me:
        await me.at_desk()
        await me.press("f4")
        await me.sees("this run has no journal to look into")
        await me.press("f")
        await me.sees("flagged   0")


async def test_the_operators_own_figures_come_over_no_other_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stint(filled(tmp_path, 30), (100, 30)) as me:
        await me.at_desk()
        await me.press("f4")
        await rows(me, 30)
        screen = me.app.screen
        with held_up(monkeypatch, data, "quality_of"):
            await me.press("i", "slash", "o")
            await me.sees("words to look for")
        await me.until(lambda: not [w for w in me.app.workers if w.group == "you"])
        heard: list[bool] = []
        screen.call_later(heard.append, True)  # behind the figures
        await me.until(lambda: heard)
        await me.press("n")
        await me.until(lambda: me.app.screen.field.held == "on")
        await me.press("escape", "i")
        await me.sees("30 judgements, 60 labels")


def test_what_an_update_learned_that_was_left_is_left_too(tmp_path: Path) -> None:
    run = filled(tmp_path, 4)
    with Journal.open(run.journal_path) as journal:
        ids = sorted(one.id for one in journal.judged(0, 9))
        journal.record_update(stats(1), ids[:2])
        journal.record_update(stats(2), ids[2:])

        def states() -> list[tuple[str, int | None]]:
            return [(one.state, one.update) for one in journal.listed(Filter(), 0, 9)][::-1]

        assert states() == [("trained", 1), ("trained", 1), ("trained", 2), ("trained", 2)]
        journal.rollback(1)
        assert states() == [("trained", 1), ("trained", 1), ("left", 2), ("left", 2)]
        for state, count in (("trained", 2), ("left", 2), ("waiting", 0), ("aside", 0)):
            assert journal.count(Filter(state=state)) == count
        journal.rollback(0)
        assert {state for state, _ in states()} == {"left"}
        assert journal.count(Filter(state="left")) == 4


async def test_after_going_back_the_screen_does_not_say_trained(tmp_path: Path) -> None:
    run = filled(tmp_path, 4)
    with Journal.open(run.journal_path) as journal:
        journal.record_update(stats(1), [one.id for one in journal.judged(0, 9)])
        journal.rollback(0)
    async with stint(run) as me:
        await me.at_desk()
        await me.press("f4")
        await rows(me, 4)
        await me.sees("it is not in the weights")
        assert "left 1" in me.text and "trained" not in me.text
        await me.press("x")
        await me.sees("nothing will learn from it")


def test_the_filter_of_the_journal(tmp_path: Path) -> None:
    run = filled(tmp_path, 9)
    with Journal.open(run.journal_path) as journal:
        assert journal.count(Filter(text="天气 3.")) == 1
        assert journal.count(Filter(text="提示")) == 9
        assert journal.count(Filter(text="%")) == 1
        assert journal.count(Filter(operator="li", mode=Mode.RANK)) == 2
        assert [one.number for one in journal.listed(Filter(), 2, 3)] == [7, 6, 5]
        assert journal.operators() == ["li", "王[/x]"]
        journal.set_aside([journal.judged(0, 1)[0].id], "nan")
        assert journal.count(Filter(state="aside")) == 1
        journal.rollback(0)
        assert journal.count(Filter(state="left")) == 8 and not journal.count(
            Filter(state="waiting")
        )
        assert journal.find(10**6) is None
        assert len(journal.judgements(after=4)) == 5
