"""The pictures of the documentation, from real sessions.

python -m docs.pictures [--lang zh] [--scene ranking] [--film] [--out docs/images]

Runs `hitl` on terminals of its own, in a folder that is thrown away, presses the keys of
scenes.py and film.py and draws what is on the screen with Chromium. Needs the test dependencies,
Debian's chromium, fonts-noto-cjk and fonts-dejavu-core.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from docs.pictures import drawing
from docs.pictures.film import first_session
from docs.pictures.scenes import SCENES
from docs.pictures.sessions import LOCALES

FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    asked.add_argument("--lang", choices=sorted(LOCALES), help="only in this language")
    asked.add_argument("--scene", choices=[s.__name__ for s in SCENES] + ["film"], help="only this")
    asked.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "images")
    given = asked.parse_args()
    given.out.mkdir(exist_ok=True)
    langs = [given.lang] if given.lang else ["zh", "en"]

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=FLAGS.split()
        )
        page = browser.new_page(viewport={"width": 1200, "height": 700})
        for lang in langs:
            folder = Path(tempfile.mkdtemp(prefix="pictures."))
            try:
                for scene in SCENES:
                    if given.scene in (None, scene.__name__):
                        for name, screen in scene(folder, lang):
                            picture = drawing.draw(page, screen)
                            drawing.save(picture, given.out / f"{name}-{lang}.png")
                            print(f"{name}-{lang}.png", flush=True)
                if given.scene in (None, "film"):
                    frames, seconds = zip(*first_session(folder, lang), strict=True)
                    pictures = [drawing.draw(page, frame) for frame in frames]
                    drawing.save_film(pictures, seconds, given.out / f"session-{lang}.gif")
                    print(f"session-{lang}.gif", flush=True)
            finally:
                shutil.rmtree(folder)
        browser.close()


if __name__ == "__main__":
    main()
