"""What goes with texts that are put away is named, on the line that says what happened last."""

from __future__ import annotations

from pathlib import Path

from .stint import new_run, stint


async def test_resampling_tells_of_the_note_and_the_flag_that_go(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path)) as me:
        await me.at_desk()
        await me.press("f", "n", *"why", "enter", "r")
        await me.until(lambda: me.judging.desk.group.key == (1, 1))
        await me.at_desk()
        assert "dropped with the old texts: the flag, the note “why”" in me.text
        assert "[flag]" not in me.text
        await me.press("4")
        assert "dropped" not in me.text


async def test_an_own_prompt_brings_note_and_flag_back_with_their_group(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path)) as me:
        await me.at_desk()
        await me.press("f", "n", *"why", "enter", "p", *"mine", "enter")
        await me.until(lambda: me.judging.desk.group.prompt.text == "mine")
        await me.at_desk()
        assert "[flag]" not in me.text and "dropped" not in me.text
        await me.judge("4", "2")
        assert me.judging.desk.group.key == (1, 0) and "[flag] [why]" in me.text
