"""The pictures of the documentation: drawn cell by cell, small, where the pages look for them."""

from __future__ import annotations

import re
from pathlib import Path

import pyte
import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="needs a checkout")


def test_a_chinese_character_takes_two_cells() -> None:
    from docs.pictures.drawing import FORE, MARGIN, WIDTH, page_of

    screen = pyte.Screen(8, 2)
    pyte.Stream(screen).feed("a好<\x1b[38;2;1;2;3mb")
    drawn = re.findall(
        r"left:(\d+)px;top:\d+px;width:(\d+)px;color:(#\w+)[^>]*>(.*?)</i>", page_of(screen)
    )
    assert [(int(x) - MARGIN) // WIDTH for x, *_ in drawn] == [0, 1, 3, 4]
    assert [int(width) // WIDTH for _, width, *_ in drawn] == [1, 2, 1, 1]
    assert [colour for *_, colour, _ in drawn] == [FORE] * 3 + ["#010203"]
    assert [text for *_, text in drawn] == ["a", "好", "&lt;", "b"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / "docs/images").iterdir()}
    assert sizes and all(
        size < (800_000 if name.endswith(".gif") else 150_000) for name, size in sizes.items()
    )
    assert sum(sizes.values()) < 1_500_000
