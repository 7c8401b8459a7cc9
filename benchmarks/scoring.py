"""Texts scored a second: one at a time in fp32 (the old tools gave their texts to a pipeline of
transformers, which takes one after the other), against batches.

python benchmarks/scoring.py [--texts 512] [--rounds 5] [--threads N]

The ways take turns within each round, and the median over the rounds is told: what else the
machine does meets all of them. CPU seconds hardly see it at all, but count two threads as two.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from transformers import pipeline

from hitl.learn.scorers import Scorer
from hitl.models import resolve

WORDS = ["酒店", "房间", "很好", "太差", "屏幕", "早餐", "客服", "满意", "失望", "，", "。"]


def main() -> None:
    """Prints the rates of the shipped Chinese scorer, and how many times the old way's they are."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of torch; default: all")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    dice = random.Random(0)
    texts = ["".join(dice.choices(WORDS, k=dice.randint(4, 30))) for _ in range(options.texts)]
    folder = resolve("sentiment-zh", Path("checkpoints"))
    exact, auto = Scorer(folder, precision="fp32"), Scorer(folder)
    old_tool = pipeline("text-classification", model=str(folder), top_k=None, dtype=torch.float32)

    def by_pipeline(text: str) -> float:
        [scores] = old_tool([text])
        return float(next(s["score"] for s in scores if s["label"] == "positive"))

    ways: dict[str, Callable[[], list[float]]] = {
        "one at a time, pipeline": lambda: [by_pipeline(text) for text in texts],
        "one at a time, fp32": lambda: [exact([text])[0] for text in texts],
        "batches, fp32": lambda: exact(texts),
        "batches, as hitl scores": lambda: auto(texts),
    }
    wall: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    scores = {name: way() for name, way in ways.items()}  # the first call is slower
    for _ in range(options.rounds):
        for name, way in ways.items():
            began, spent = time.perf_counter(), time.process_time()
            way()
            wall[name].append(time.perf_counter() - began)
            cpu[name].append(time.process_time() - spent)
    old = next(iter(ways))
    print(f"{torch.get_num_threads()} threads, median of {options.rounds} rounds")
    for name in ways:
        seconds, spent = statistics.median(wall[name]), statistics.median(cpu[name])
        quotient = statistics.median(a / b for a, b in zip(wall[old], wall[name], strict=True))
        of_cpu = statistics.median(a / b for a, b in zip(cpu[old], cpu[name], strict=True))
        off = max(abs(a - b) for a, b in zip(scores[old], scores[name], strict=True))
        print(
            f"{name:24} {len(texts) / seconds:6.0f} texts/s {quotient:4.1f} x   "
            f"{1000 * spent / len(texts):5.2f} CPU ms a text {of_cpu:4.1f} x   "
            f"scores differ by at most {off:.4f}"
        )


if __name__ == "__main__":
    main()
