"""The benchmarks are not run here, but they must not rot: what they call is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("benchmarks are in a checkout only", allow_module_level=True)

ELSEWHERE = {"speed_classic"}
"""Run in an environment of their own."""


def output(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=BENCHMARKS, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_all_can_be_imported() -> None:
    names = sorted(path.stem for path in BENCHMARKS.glob("*.py") if path.stem not in ELSEWHERE)
    assert "learning" in names and "memory" in names
    assert output("-c", f"import {', '.join(names)}; print('imported')") == "imported\n"


@pytest.mark.slow
def test_what_a_policy_keeps_is_counted_for_each_way_to_train_it() -> None:
    sizes = "--rows 64 --layers 8 --hidden 512 --inner 2048 --heads 4 --vocabulary 40000"
    rows = [line.split("|")[1:-1] for line in output("memory.py", *sizes.split()).splitlines()[2:]]
    kept = {name.strip(): float(rest) for name, _, _, _, rest in rows}
    assert len(kept) == 4
    for name in ("all weights", "--lora"):
        [less] = [kept[other] for other in kept if other != name and other.startswith(name)]
        assert 0 < less < kept[name]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["default", "online DPO, lr 0.0005", "classic, lr 0.0005"])
def test_what_was_learned_is_written_down_for_each_kind_of_method(
    method: str, tmp_path: Path
) -> None:
    results = tmp_path / "results.jsonl"
    output(
        "learning.py", "run", str(results), "--langs", "zh", "--modes", "rank", "--methods", method,
        "--seeds", "1", "--labels", "16", "--samples", "8", "--gold", "sentiment-zh",
    )  # fmt: skip
    base, taught = map(json.loads, results.read_text("utf-8").splitlines())
    assert (base["labels"], taught["labels"], taught["judgements"]) == (0, 16, 4)
    assert abs(base["sequence_kl"]) < 1e-4 < taught["sequence_kl"]
    assert 0 < taught["gold"] < 1 and taught["length"] > 1
    assert f"| {method} | 16 | 4 | 12 |" in output("learning.py", "table", str(results))
