"""Colours: three sets of them, each readable, and no state told by colour alone."""

from __future__ import annotations

import pytest
from rich.color import ColorType
from textual.color import Color
from textual.theme import Theme

from hitl.config.session import SessionConfig
from hitl.tui.app import HitlApp, SessionPlan
from hitl.tui.screens.frame import SessionInfo
from hitl.tui.theme import DARK, LIGHT, THEMES, ThemeName

from .driving import Driver
from .scripted import ScriptedSession, group


def luminance(colour: Color) -> float:
    """Relative, as WCAG 2 has it."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(Color.parse(c)) for c in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_every_text_stands_out_from_its_ground(theme: Theme) -> None:
    """4.5 : 1, what WCAG 2 asks of text."""
    texts = [theme.foreground, theme.primary, theme.accent, theme.success, theme.warning]
    texts += [theme.error, *(theme.variables[n] for n in ("frame-text", "text-settled", "score"))]
    grounds = [theme.background, theme.panel]
    for text in texts:
        for ground in grounds:
            assert text is not None and ground is not None
            assert contrast(text, ground) >= 4.5, (text, ground)
    cursor = theme.variables["block-cursor-background"]
    assert contrast(theme.variables["block-cursor-foreground"], cursor) >= 4.5


def test_the_themes_know_the_same_names() -> None:
    names = DARK.variables.keys()
    assert all(names <= theme.variables.keys() for theme in THEMES.values())


async def colours(theme: ThemeName, *keys: str) -> tuple[set[ColorType], str]:
    """The kinds of colour on the screen after some keys, and the theme then."""
    session = ScriptedSession([group(1, ["a fine day", "天气很好"])])
    info = SessionInfo("en-01", SessionConfig(group_size=2, batch_size=8), "tiny-en", 12)
    app = HitlApp(plan=SessionPlan(info, session.start), theme=theme)
    async with app.run_test() as pilot:
        me = Driver(pilot, session)
        await me.at_desk()
        await me.press(*keys)
        strips = app.screen._compositor.render_strips()
        styles = [segment.style for strip in strips for segment in strip if segment.style]
        app.hang_up()
    app.finish()
    return {c.type for s in styles for c in (s.color, s.bgcolor) if c is not None}, app.theme


async def test_ansi_has_only_the_colours_of_the_terminal() -> None:
    for keys in ((), ("4",), ("question_mark",), ("i",)):
        found, _ = await colours("ansi", *keys)
        assert found <= {ColorType.DEFAULT, ColorType.STANDARD}, keys


@pytest.mark.parametrize("name", ["dark", "light"])
async def test_the_theme_is_that_of_the_option(name: ThemeName) -> None:
    found, theme = await colours(name, "4")
    assert ColorType.TRUECOLOR in found and theme == THEMES[name].name


async def test_the_palette_changes_it() -> None:
    _, theme = await colours("dark", "ctrl+p", *"dark on light", "enter")
    assert theme == "hitl-light"
