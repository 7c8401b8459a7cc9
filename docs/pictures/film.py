"""A first session as a short film: frames, and how long each is shown.

The seconds are those of a brisk person on a quiet machine, not of the machine that made the film.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from docs.pictures.drawing import page_of
from docs.pictures.scenes import BACKSPACE, ENTER, F3, NARROW, TAB
from docs.pictures.sessions import FRESH, Session

READ, KEY, LOOK, LAST = 2.0, 0.45, 1.5, 4.0
"""Seconds of a new group, of a key, of something else to look at, and of the last frame."""

JUDGED = ("3241", "4132", "1423", "2314", "4213")
"""Rankings, a group each; every fourth brings an update."""

Frame = tuple[str, float]


def first_session(folder: Path, lang: str) -> Iterator[Frame]:
    """Ranks a few groups, takes one back, sees an update and what it did to the texts."""
    words = ["train", "--lang", lang, "--mode", "rank", "--run", f"{lang}-film"]
    with Session(folder, lang, NARROW, *words) as session:
        yield session.show(FRESH), READ
        for n, ranking in enumerate(JUDGED):
            for key in ranking[:3]:
                before = _number(session)
                session.keys(key)
                yield page_of(session.screen), KEY
            session.until(rf"(?s)^(?!.*{before}  ).*(?-s:{FRESH})")
            session.settle()
            yield page_of(session.screen), READ if n < 2 else LOOK
            if n == 1:  # not so: once more
                session.keys(BACKSPACE)
                session.until(rf"(?s){before}  .*\[ \d\. \]")
                session.settle()
                yield page_of(session.screen), LOOK
                while "[ 1. ]" in session.text:
                    session.keys(BACKSPACE)
                    yield page_of(session.screen), KEY
                for key in "142":
                    session.keys(key)
                    yield page_of(session.screen), KEY
                session.until(rf"(?s)^(?!.*{before}  ).*(?-s:{FRESH})")
                session.settle()
                yield page_of(session.screen), LOOK
        session.until("v1")
        session.settle()
        yield page_of(session.screen), LOOK
        session.keys(F3)
        session.until("KL")
        session.keys(TAB, TAB)
        yield session.show(r"(?s)v1 .* v1 .* v1 "), LAST
        session.keys("\x1b", pause=1.0)
        session.keys(ENTER)
        session.leave()
        yield page_of(session.screen), LAST


def _number(session: Session) -> str:
    """Word and number of the prompt on the screen."""
    found = re.search(r"(?m)^ *(\S+ \d+)  ", "\n".join(session.screen.display[1:3]))
    assert found, session.text
    return found[1]
