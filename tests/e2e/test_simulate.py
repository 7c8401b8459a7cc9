"""A simulated operator drives the same session, and the policy learns what it likes."""

from __future__ import annotations

import json

import pytest

from .conftest import Hitl

KEYS = {
    "run", "labels", "judgements", "keystrokes", "updates", "gold_before", "gold_after",
    "sequence_kl", "distinct2_before", "distinct2_after", "length_before", "length_after",
    "seconds", "reward_first", "reward_last",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("lang", "mode", "gain"), [("zh", "rank", 0.1), ("en", "score", 0.03)])
def test_gold_reward_rises_and_diversity_stays(
    hitl: Hitl, lang: str, mode: str, gain: float
) -> None:
    done = hitl(
        "simulate", "--operator", f"sentiment-{lang}", "--labels", "96", "--mode", mode,
        "--seed", "1", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert set(figures) == KEYS
    assert (figures["labels"], figures["updates"], figures["judgements"]) == (96, 6, 24)
    assert figures["keystrokes"] == (96 if mode == "score" else 72)
    assert figures["gold_after"] > figures["gold_before"] + gain
    assert 0.2 < figures["sequence_kl"] < 12
    assert figures["distinct2_after"] > 0.7 * figures["distinct2_before"]


def test_a_simulation_that_was_stopped_goes_on_as_if_it_had_not_been(hitl: Hitl) -> None:
    def run(labels: int, name: str, *by: str) -> dict[str, object]:
        done = hitl(
            "simulate", *by, "--labels", str(labels), "--run", name, "--samples", "8",
            "--max-new-tokens", "8", "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    whole = run(48, "whole", "--operator", "sentiment-zh")
    run(20, "parts", "--operator", "sentiment-zh")
    parts = run(48, "parts")  # a Chinese run, wherever it is gone on with
    for key in KEYS - {"run", "seconds"}:
        assert parts[key] == whole[key], key

    other = hitl("simulate", "--run", "parts", "--operator", "sentiment-en", "--labels", "64")
    assert other.returncode == 2
    assert "was judged by sentiment-zh, not by sentiment-en: take another --run" in other.stderr
