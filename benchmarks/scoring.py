"""Texts scored a second: one at a time, as the old tools did, against batches of like length.

python benchmarks/scoring.py [--texts 512]
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from hitl.learn.scorers import load_scorer
from hitl.models import resolve


def main() -> None:
    """Prints both rates and their quotient for the shipped Chinese scorer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=512)
    count = parser.parse_args().texts
    dice = random.Random(0)
    words = ["酒店", "房间", "很好", "太差", "屏幕", "早餐", "客服", "满意", "失望", "，", "。"]
    texts = ["".join(dice.choices(words, k=dice.randint(4, 30))) for _ in range(count)]
    scorer = load_scorer(resolve("sentiment-zh", Path("checkpoints")))
    scorer(texts[:8])  # the first call is slower
    started = time.perf_counter()
    one_by_one = [scorer([text])[0] for text in texts]
    middle = time.perf_counter()
    together = scorer(texts)
    ended = time.perf_counter()
    assert max(abs(a - b) for a, b in zip(one_by_one, together, strict=True)) < 1e-4
    slow, fast = count / (middle - started), count / (ended - middle)
    print(f"one at a time {slow:.0f} texts/s, batched {fast:.0f} texts/s: {fast / slow:.1f} x")


if __name__ == "__main__":
    main()
