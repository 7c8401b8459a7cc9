"""A person's own keys, from the file to the screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from hitl.alarms import FLAT
from hitl.errors import UsageError
from hitl.operator import Quit
from hitl.records import Mode, Ranking, Skip
from hitl.tui import keymap as keymap_
from hitl.tui import keymap_visits as visits
from hitl.tui.app import HitlApp
from hitl.tui.keymap import Key
from hitl.tui.remap import SCREENS, Keymap, load_keymap
from hitl.tui.screens.blind import BlindScreen
from hitl.tui.screens.data import DataScreen
from hitl.tui.screens.page import ChooseScreen, PageScreen
from hitl.tui.screens.pair import PairScreen
from hitl.tui.screens.rank import RankScreen
from hitl.tui.screens.run_visit import RunVisit
from hitl.tui.screens.runs import RunsScreen
from hitl.tui.screens.score import ScoreScreen
from hitl.tui.screens.tokens import TokensScreen
from hitl.tui.screens.train import TrainScreen
from tests.journal_data import stats

from .driving import Driver, driving
from .scripted import ScriptedSession, group
from .stint import new_run, stint


def keymap(folder: Path, text: str) -> Keymap:
    path = folder / "keymap.toml"
    path.write_text(text, "utf-8")
    return load_keymap(path)


def test_without_a_file_nothing_is_changed(tmp_path: Path) -> None:
    assert load_keymap(tmp_path / "none.toml") == Keymap()


@pytest.mark.parametrize("line", ['group.skip = "s"', '"group.skip" = ["s"]', '[group]\nskip="s"'])
def test_ways_to_write_it(tmp_path: Path, line: str) -> None:
    made = keymap(tmp_path, line)
    assert made.changed == {"group.skip": ("s",)}
    assert made.bindings == {"group.skip": "s,ｓ"}, "an input method's form comes along"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("group.skip = ", "cannot be read"),
        ('group.skp = "s"', "nothing is called group.skp, did you mean group.skip?"),
        ("group.skip = 5", 'group.skip needs a key, such as group.skip = "s"'),
        ("group.skip = []", "group.skip needs a key"),
        ('group.skip = "spcae"', "'spcae' is no key"),
        ('group.skip = ""', "'' is no key"),
        ('group.skip = "q"', "q is both group.skip and app.quit in scoring"),
        ('pair.first = "x"\npair.second = "x"', "x is both pair.first and pair.second"),
        ('editor.keep = "k"', "is for a text field"),
    ],
)
def test_a_fault_is_one_line_that_says_where_and_what(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        keymap(tmp_path, text)
    message = str(caught.value)
    assert "keymap.toml" in message and says in message and "\n" not in message


def test_two_keys_can_be_exchanged(tmp_path: Path) -> None:
    made = keymap(tmp_path, 'group.resample = "e"\ngroup.edit = "r"')
    assert made.shown("group.edit", "e") == "r" and made.shown("group.skip", "␣") == "␣"


@pytest.mark.parametrize(
    ("screen", "keys"),
    [
        (ScoreScreen, keymap_.SCORE),
        (RankScreen, keymap_.RANK),
        (PairScreen, keymap_.PAIR),
        (RunsScreen, keymap_.RUNS),
        (TokensScreen, keymap_.TOKENS),
        (TrainScreen, visits.TRAIN),
        (DataScreen, visits.DATA),
        (RunVisit, visits.VISIT_RUNS),
        (BlindScreen, visits.BLIND),
        (ChooseScreen, visits.CHOOSE),
        (PageScreen, visits.PAGE),
    ],
)
def test_every_key_of_a_screen_leads_to_what_the_screen_can_do(
    screen: type, keys: tuple[Key, ...]
) -> None:
    for key in keys:
        name = key.action.partition("(")[0]
        of = HitlApp if name.startswith("app.") else screen
        assert hasattr(of, f"action_{name.removeprefix('app.')}"), key.id


def test_no_key_does_two_things_and_every_thing_has_a_name_and_a_sentence() -> None:
    for screen, keys in SCREENS.items():
        names = [name for key in keys for name in key.keys.split(",")]
        assert len(names) == len(set(names)), screen
        assert all(key.id and key.tooltip for key in keys)


async def test_keys_of_the_screens_beside_judging_can_be_changed_too(tmp_path: Path) -> None:
    changed = keymap(tmp_path, 'train.page = "v"\nvisit.back = "z"\ndata.find = "w"')
    session = ScriptedSession([group(1, ["one", "two"])], mode=Mode.PAIR)
    async with driving(session, keymap=changed) as me:
        await me.at_desk()
        await me.press("f3")
        first = me.text
        await me.press("tab", "escape", "q")
        assert me.text == first, "the old keys do nothing"
        assert "v [curves]" in me.text and "z to the group" in me.text
        await me.press("v")
        assert me.text != first
        await me.press("z")
        assert me.app.screen is me.app._judging
    with pytest.raises(UsageError, match=r"s is both data\.find and data\.state in the data"):
        keymap(tmp_path, 'data.find = "s"')


async def test_the_line_of_keys_tells_the_changed_ones_everywhere(tmp_path: Path) -> None:
    changed = keymap(
        tmp_path,
        'data.change = "f9"\ndata.state = "t"\nruns.compare = "v"\nblind.begin = "g"\n'
        'visit.back = "z"\ngroup.enter = "f11"\ncard.scroll_down = "d"\nruns.new_en = "w"',
    )
    async with driving(ScriptedSession([group(1, ["one", "two"])]), keymap=changed) as me:
        await me.at_desk()
        assert "d more" in me.text
        for key, says in (
            ("f4", "F9 anew"),
            ("f4", "t m o f n filter"),
            ("f5", "v compare two  z back"),
            ("f6", "g begin  z back"),
        ):
            await me.press(key)
            assert says in me.text
    app = HitlApp(keymap=changed)
    async with app.run_test(size=(80, 24)) as pilot:
        me = Driver(pilot, SimpleNamespace())  # type: ignore[arg-type]
        await me.sees("z w new run")
        assert "new run in English   w" in me.text


async def test_what_lies_over_a_group_tells_the_changed_keys(tmp_path: Path) -> None:
    changed = keymap(
        tmp_path,
        'editor.keep = "f8"\neditor.line = "f10"\neditor.back = "f9"\nhelp.close = "w"\n'
        'tokens.close = "w"\ntokens.last = "a"\ntokens.next = "d"\ngroup.undo = "u"\n'
        'rank.tie = "v"\ngroup.enter = "f11"',
    )
    session = ScriptedSession([group(1, ["one", "two", "three"])], mode=Mode.RANK)
    async with driving(session, keymap=changed) as me:
        await me.at_desk()
        for keys, says in (
            (["n"], "F8 keeps it · F9 goes back"),
            (["f9", "e"], "F8 keeps it, the best of its group · F10 new line · F9 goes back"),
            (["f9", "i"], "a d other cards · w goes back"),
            (["w", "question_mark"], "w goes back"),
            (["w", "f11"], "best, worst and F11"),
            (["v"], "v again ties all the rest"),
            (["1", "v"], "ties with the one before, v again ties all the rest"),
            (["1"], "1 has its place: u takes the last one back"),
        ):
            await me.press(*keys)
            assert says in me.text


async def test_what_the_help_says_of_a_key_names_the_changed_ones(tmp_path: Path) -> None:
    changed = keymap(
        tmp_path,
        'group.enter = "f11"\ngroup.edit = "w"\ngroup.tokens = "v"\npair.first = "a"\n'
        'blind.first = "a"',
    )
    texts = ScriptedSession([group(1, ["one", "two"])])
    async with driving(texts, (100, 40), keymap=changed) as me:
        await me.at_desk()
        await me.press("question_mark")
        await me.sees("begin a negative number; F11 ends it")
        assert "4 . 5 F11 makes 4.5" in me.text and "Enter" not in me.text
        await me.press("escape", "f6", "question_mark")
        await me.sees("a   the first one is better  blind.first")
        assert "→/2   the second one is better" in me.text
    texts = ScriptedSession([group(1, ["one", "two"])], mode=Mode.PAIR)
    async with driving(texts, (100, 40), keymap=changed) as me:
        await me.at_desk()
        await me.press("question_mark")
        await me.sees("a   the first one is better  pair.first")
        assert "the other card, for w and v" in me.text
        await me.press("escape", "ctrl+p", *"other card")
        await me.sees("the other card, for w and v")


async def test_lists_and_the_judgement_below_them_tell_the_changed_keys(tmp_path: Path) -> None:
    changed = keymap(
        tmp_path,
        'data.change = "v"\ndata.take_back = "d"\nchoose.take = "g"\nchoose.close = "w"\n'
        'page.close = "w"\nblind.begin = "g"\nvisit.palette = "f11"',
    )
    async with stint(new_run(tmp_path), (100, 30), keymap=changed) as me:
        await me.judge("4", "2")
        for keys, says in (
            (["f4"], "v judges it anew, d takes it back"),
            (["e"], "g takes it · w goes back"),
            (["w", "i"], "w goes back"),
            (["w", "f6"], "g begins a test"),
            (["f11", *"begin"], "key: g"),
        ):
            await me.press(*keys)
            await me.sees(says)


async def test_an_alarm_tells_the_changed_keys(tmp_path: Path) -> None:
    changed = keymap(tmp_path, 'screen.blind = "f11"\ntrain.page = "v"')
    flat = [replace(stats(n), reward=3.0 + n % 2, reward_std=1.0) for n in range(1, 2 * FLAT + 1)]
    async with driving(ScriptedSession([group(1, ["one", "two"])]), keymap=changed) as me:
        await me.at_desk()
        me.app._judging.heard.updates[:] = flat
        await me.press("f3", "v")
        await me.sees("a blind test (F11) tells")


async def test_changed_keys_work_and_the_old_ones_do_not(tmp_path: Path) -> None:
    changed = keymap(
        tmp_path,
        'group.skip = ["s", "f11"]\npair.first = "a"\ngroup.resample = "e"\ngroup.edit = "r"\n'
        'app.quit = "ctrl+x"\neditor.keep = "f2"',
    )
    session = ScriptedSession([group(1, ["one", "two"])], mode=Mode.PAIR)
    async with driving(session, keymap=changed) as me:
        await me.at_desk()
        assert "a → better" in me.text and "s skip" in me.text and "Ctrl+X quit" in me.text
        assert "[ a ]" in me.text and "[ → ]" in me.text, "on the cards"
        await me.press("left", "space", "q", "1")
        assert not me.session.replies
        await me.press("a")
        await me.kept(1)
        await me.press("ｓ")
        await me.kept(2)
        await me.press("f11")
        await me.kept(3)
        await me.press("r", "!", "enter", "?", "f2")
        await me.kept(4)
        verdicts = [judgement.verdict for judgement in me.session.kept]
        assert verdicts[:3] == [Ranking((1, 2)), Skip(), Skip()]
        await me.press("question_mark")
        await me.sees("pair.first")
        await me.press("end")
        await me.sees("keymap.toml")
        assert "Ctrl+X" in me.text
        await me.press("escape", "ctrl+x")
        await me.until(lambda: me.session.replies[-1] == Quit())
