"""PPO against a scorer raises its rewards, and goes on after a stop as if there had been none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hitl.journal import Journal
from hitl.shipped import shipped

from .conftest import Hitl, Told, inside

SMALL = ("--lang", "zh", "--group-size", "4", "--batch-size", "8", "--max-new-tokens", "8",
         "--threads", "1")  # fmt: skip


def auto(hitl: Hitl, *words: str) -> dict[str, Any]:
    done = hitl("auto", *words, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def on_board(run: Path) -> list[float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard")).Reload()
    return [event.value for event in events.Scalars("ppo/reward")]


@pytest.mark.slow
def test_the_mean_reward_rises(hitl: Hitl, tmp_path: Path) -> None:
    found = auto(hitl, "--lang", "zh", "--updates", "10", "--max-new-tokens", "12",
                 "--threads", "1", "--run", "a")  # fmt: skip
    rewards = found["rewards"]
    assert (found["run"], found["updates"], len(rewards)) == ("a", 10, 10)
    assert sum(rewards[-3:]) / 3 > sum(rewards[:3]) / 3 + 0.05


def test_a_run_that_was_stopped_goes_on_bit_for_bit(hitl: Hitl, told: Told, tmp_path: Path) -> None:
    whole = told("auto", *SMALL, "--updates", "2", "--run", "whole")
    told("auto", *SMALL, "--updates", "1", "--run", "parts")
    parts = auto(hitl, *SMALL, "--updates", "2", "--run", "parts")
    assert parts["rewards"] == whole["rewards"] and len(whole["rewards"]) == 2
    run = tmp_path / "checkpoints" / "parts"
    pictures = {path.name for path in (run / "plots").iterdir()}
    assert pictures == {"reward.png", "kl.png", "entropy.png", "losses.png", "timing.png"}
    assert len(list((run / "tensorboard").glob("events.*"))) == 2
    assert (run / "steps" / "000002" / "policy" / "model.safetensors").is_file()

    assert on_board(run) == pytest.approx(whole["rewards"])

    code, _, said = inside(tmp_path, "auto", *SMALL, "--run", "parts", "--raw")
    assert code == 2 and "take another --run" in said


def test_raw_logits_with_a_baseline_and_samples_on_the_screen(tmp_path: Path) -> None:
    code, out, err = inside(
        tmp_path, "auto", *SMALL, "--updates", "1", "--raw", "--reward-baseline", "1",
        "--samples", "2", "--run", "a",
    )  # fmt: skip
    assert code == 0, err
    lines = err.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("update 1: mean reward"))
    assert all(line.startswith("  ") for line in lines[place + 1 : place + 3])
    assert "1/1" in err and "hitl compare a" in out
    listed = json.loads(inside(tmp_path, "runs", "--json")[1])
    told = float(lines[place].split("mean reward ")[1].split(",")[0])
    assert listed[0]["reward"] == pytest.approx(told - 1, abs=1e-3)
    assert on_board(tmp_path / "checkpoints" / "a") == pytest.approx([told], abs=1e-3)


RECIPE = ("--lora", "--lora-rank", "4", "--gradient-checkpointing", "--early-stopping", "--warmup",
          "2", "--save-steps", "2", "--reward-baseline", "0.5", "--query-tokens", "2-4",
          "--answer-tokens", "3-8", "--prompts", "reviews.jsonl")  # fmt: skip


@pytest.mark.slow
def test_a_run_with_the_options_of_the_recipes_goes_on_bit_for_bit(
    told: Told, tmp_path: Path
) -> None:
    reviews = ["房间很干净，早餐也不错", "送货很快，屏幕很好看", "太差了，再也不来这家酒店"]
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in reviews]
    (tmp_path / "reviews.jsonl").write_text("\n".join(lines), "utf-8")
    whole = told("auto", *SMALL, *RECIPE, "--updates", "3", "--run", "whole")
    told("auto", *SMALL, *RECIPE, "--updates", "1", "--run", "parts")
    parts = told("auto", *SMALL, *RECIPE, "--max-steps", "3", "--run", "parts")
    assert parts["rewards"] == whole["rewards"] and len(whole["rewards"]) == 3
    found = []
    for name in ("whole", "parts"):
        run = tmp_path / "checkpoints" / name
        with Journal.open(run / "journal.db", readonly=True) as journal:
            updates = journal.updates()
            groups = [judged.group for judged in journal.judged()]
        assert [u.lr for u in updates] == pytest.approx([1.5e-3, 3e-3, 3e-3])
        assert all(0 <= u.reward + 0.5 <= 1 for u in updates)
        assert {len(g.prompt.text) for g in groups} <= {2, 3, 4}
        assert {len(c.token_ids) for g in groups for c in g.completions} <= set(range(1, 9))
        assert all(any(text.startswith(g.prompt.text) for text in reviews) for g in groups)
        found.append(([u.digest for u in updates], sorted(p.name for p in run.glob("steps/*"))))
    assert found[0][0] == found[1][0]
    assert found[0][1] == ["000002", "000003"]  # the third on leaving

    code, _, said = inside(
        tmp_path, "auto", *SMALL, *RECIPE, "--reward-baseline", "0", "--run", "parts"
    )
    assert code == 2 and "take another --run" in said


def test_what_an_option_needs_is_told_before_a_run_is_made(hitl: Hitl, tmp_path: Path) -> None:
    (tmp_path / "wandb.py").write_text("raise SystemExit('imported')")
    queries = hitl("auto", "--recipe", "imdb", "--policy", "tiny-en", "--reward", "sentiment-en")
    assert queries.returncode == 2 and "add --prompts FILE" in queries.stderr
    other = hitl("auto", "--lang", "zh", "--report-to", "nothing")
    assert other.returncode == 2 and "wandb" in other.stderr
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.slow
def test_the_imdb_recipe_on_the_shipped_models(told: Told, tmp_path: Path) -> None:
    (tmp_path / "films.txt").write_text("the film was a long one, and so on\nit is what it is\n")
    found = told("auto", "--recipe", "imdb", "--policy", "tiny-en", "--reward", "sentiment-en",
                 "--prompts", "films.txt", "--batch-size", "16", "--updates", "1", "--run", "a",
                 "--threads", "1")  # fmt: skip
    run = tmp_path / "checkpoints" / "a"
    with Journal.open(run / "journal.db", readonly=True) as journal:
        groups = [judged.group for judged in journal.judged()]
    assert len(groups) == 4 and len({g.prompt.text for g in groups}) > 1
    assert len({len(c.token_ids) for g in groups for c in g.completions}) > 3
    assert len(found["rewards"]) == 1 and abs(found["rewards"][0]) < 10


@pytest.mark.slow
def test_the_sentiment_recipe_on_the_shipped_models(told: Told, tmp_path: Path) -> None:
    """With the labels of the scorer that it names, and its four prompts."""
    folder = shipped("checkpoints", "sentiment-zh")
    assert folder is not None
    judge = Path(shutil.copytree(folder, tmp_path / "jd"))
    config = json.loads((judge / "config.json").read_text("utf-8"))
    names = ["negative (stars 1, 2 and 3)", "positive (stars 4 and 5)"]
    config["id2label"] = {str(i): name for i, name in enumerate(names)}
    config["label2id"] = {name: i for i, name in enumerate(names)}
    (judge / "config.json").write_text(json.dumps(config), "utf-8")
    found = told("auto", "--preset", "sentiment-zh", "--policy", "tiny-zh", "--reward", "jd",
                 "--batch-size", "16", "--group-size", "4", "--updates", "1", "--run", "a",
                 "--threads", "1")  # fmt: skip
    with Journal.open(tmp_path / "checkpoints/a/journal.db", readonly=True) as journal:
        judged = journal.judged()
    assert {one.group.prompt.text for one in judged} == {
        "刚收到货，感觉", "这部电影很", "说实话，真的很", "这次购物总的来说体验很",
    }  # fmt: skip
    scores = [value for one in judged for value in one.judgement.verdict.values]
    assert all(0 < score < 1 for score in scores) and len(scores) == 16
    assert found["rewards"] == [pytest.approx(sum(scores) / 16, abs=1e-4)]
    assert 16 < max(len(c.token_ids) for one in judged for c in one.group.completions) <= 20
