"""What the pictures show: sessions on the shipped policies, always the same.

A scene yields (name, page) pairs; a page is what `drawing.page_of` makes of a screen. Patterns
name what both languages of the interface have on the screen: figures, keys and signs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from docs.pictures.drawing import page_of
from docs.pictures.sessions import FRESH, LOCALES, Session

NARROW, WIDE = (80, 24), (110, 30)

LEFT, RIGHT, UP, DOWN = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B"
F2, F3, F4, F5, F6 = "\x1bOQ", "\x1bOR", "\x1bOS", "\x1b[15~", "\x1b[17~"
ENTER, ESCAPE, TAB, BACKSPACE = "\r", "\x1b", "\t", "\x7f"

Shown = Iterator[tuple[str, str]]


def practised(folder: Path, lang: str) -> str:
    """A run that has learned something: a scorer judged in it. Its name."""
    run = f"{lang}-01"
    words = ["--operator", f"sentiment-{lang}", "--mode", "score", "--run", run]
    words += ["--labels", "96", "--seed", "1", "--threads", "1", "--samples", "8"]
    subprocess.run(
        [sys.executable, "-m", "hitl", "simulate", *words],
        cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=variables(lang),
    )  # fmt: skip
    return run


def variables(lang: str) -> dict[str, str]:
    """The environment of a person who speaks `lang`."""
    root = str(Path(__file__).parents[2])
    return os.environ | {"LANG": LOCALES[lang], "LC_ALL": LOCALES[lang], "PYTHONPATH": root}


def scoring(folder: Path, lang: str) -> Shown:
    """A run goes on: score, and everything beside it; then the farewell."""
    run = practised(folder, lang)
    with Session(folder, lang, WIDE, "resume", run) as session:
        session.until(FRESH)
        for scores in ("4352", "2241", "5334"):
            session.judge(*scores)
        session.until(FRESH)
        session.keys("4", "2")
        yield "score", session.show(r"\[ 2 \]")
        session.keys("i")
        yield "tokens", session.show(r"p_ref|log p")
        session.keys("q")
        session.keys("?")
        yield "help", session.show("Esc")
        session.keys("q")
        session.keys(F3)
        session.until("KL")
        session.keys(TAB, TAB)
        session.until("v6")
        session.look(8)  # both policies write
        yield "texts", session.show("v6 ")
        session.keys(TAB)
        yield "train", session.show("KL")
        session.keys(F4)
        yield "data", session.show(r"\d")
        session.keys(F5)
        yield "runs", session.show(run)
        session.keys(F6)
        session.show(".")
        session.keys(ENTER)
        yield "blind", session.show(r"(?s)╭.*╭")
        session.keys(ESCAPE, pause=1.0)
        session.until(r"\[ 2 \]")
        session.keys("1", "3")
        session.until(FRESH)
        session.leave()
        said = len(session.text.rstrip().splitlines())
        yield "farewell", page_of(session.screen, said)


def ranking(folder: Path, lang: str) -> Shown:
    """A first run, ranked, in the smallest terminal."""
    words = ["train", "--lang", lang, "--mode", "rank", "--run", f"{lang}-02"]
    with Session(folder, lang, NARROW, *words) as session:
        session.until(FRESH)
        session.judge("3", "1", "2")
        session.until(FRESH)
        session.keys("2", "=", "4")
        yield "rank", session.show(r"\[ 1\. \]")


def comparing(folder: Path, lang: str) -> Shown:
    """Two at a time."""
    words = ["train", "--lang", lang, "--mode", "pair", "--group-size", "2", "--run", f"{lang}-03"]
    with Session(folder, lang, WIDE, *words) as session:
        session.until(FRESH)
        session.judge(LEFT)
        session.judge(DOWN)
        yield "pair", session.show(FRESH)


SCENES = (scoring, ranking, comparing)
