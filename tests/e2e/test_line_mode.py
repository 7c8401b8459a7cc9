"""Scores through a pipe: updates, checkpoints, resume, and everything a hand can mistype."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from hitl.journal import Journal
from hitl.rundir import RunDir
from hitl.shipped import shipped

from .conftest import Hitl

SMALL = ("--group-size", "4", "--batch-size", "8", "--max-new-tokens", "8")


def train(hitl: Hitl, typed: str | bytes, *more: str, lang: str = "zh"):  # type: ignore[no-untyped-def]
    return hitl("train", "--plain", "--lang", lang, *SMALL, "--run", "a", *more, typed=typed)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_typed_scores_become_updates_and_the_run_goes_on(
    hitl: Hitl, tmp_path: Path, lang: str
) -> None:
    done = train(hitl, "3 4 1 5\n2 2 4 3\n5 1 1 2\n", lang=lang)
    assert done.returncode == 0, done.stderr
    assert re.search(r"update 1\b", done.stdout) and not re.search(r"update 2\b", done.stdout)
    steps = tmp_path / "checkpoints" / "a" / "steps"
    assert [p.name for p in steps.iterdir()] == ["000001"]

    done = hitl("resume", "a", typed="1 2 3 4\n5,5,5,4\n")
    assert done.returncode == 0, done.stderr
    assert re.search(r"update 2\b", done.stdout)
    [run] = json.loads(hitl("runs", "--json").stdout.splitlines()[-1])
    assert (run["run"], run["updates"], run["labels"], run["intact"]) == ("a", 2, 20, True)

    taught = AutoModelForCausalLM.from_pretrained(steps / "000002" / "policy")
    base = AutoModelForCausalLM.from_pretrained(shipped("checkpoints", f"tiny-{lang}")).float()
    apart = max(
        float((a - b).detach().abs().max())
        for a, b in zip(taught.parameters(), base.parameters(), strict=True)
    )
    assert 1e-4 < apart < 0.1
    assert all(bool(torch.isfinite(p).all()) for p in taught.parameters())


def test_the_options_of_a_run_do_what_they_say(hitl: Hitl, tmp_path: Path) -> None:
    """Those that leave a trace on disk, all at once."""
    done = train(
        hitl, "3 4 1 5\n2 2 4 3\n" * 2,
        "--temperature", "0.8", "--top-k", "50", "--top-p", "0.9", "--query-tokens", "2-3",
        "--answer-tokens", "3-5", "--operator-name", "Li", "--lr", "1e-3", "--warmup", "4",
        "--lr-decay", "8",
        "--target-kl", "7", "--early-stopping", "--early-stop-kl", "0.5", "--save-steps", "2",
        "--lora", "--lora-rank", "2", "--lora-alpha", "4", "--lora-targets", "c_attn",
        "--gradient-checkpointing", "--dtype", "fp32", "--seed", "5",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = RunDir.open(tmp_path / "checkpoints", "a")
    with Journal.open(run.journal_path, readonly=True) as journal:
        groups = [judged.group for judged in journal.update_batch(1)]
        first, second = journal.updates()
        assert journal.operators() == ["Li"]
    assert {(g.temperature, g.top_k, g.top_p) for g in groups} == {(0.8, 50, 0.9)}
    assert all(2 <= len(g.prompt_ids) - 1 <= 3 for g in groups)  # [CLS] stands before them
    assert all(len(c.token_ids) <= 5 for g in groups for c in g.completions)
    rates = first.options.lr, second.options.lr
    assert rates == pytest.approx((0.25e-3, 0.5e-3 / 2**0.5))  # risen by half, fallen by 8 labels
    assert first.options.target_kl == 7
    assert [p.name for p in run.steps.iterdir()] == ["000002"]
    taught = AutoModelForCausalLM.from_pretrained(run.steps / "000002" / "policy")
    base = AutoModelForCausalLM.from_pretrained(shipped("checkpoints", "tiny-zh")).float()
    moved = {
        name.split(".")[-2]
        for (name, a), b in zip(taught.named_parameters(), base.parameters(), strict=True)
        if not torch.equal(a, b)
    }
    assert moved == {"c_attn"}


def test_as_many_checkpoints_are_kept_as_were_asked_for(hitl: Hitl, tmp_path: Path) -> None:
    done = train(hitl, "3 4 1 5\n" * 5, "--batch-size", "4", "--keep", "3")
    assert done.returncode == 0, done.stderr
    steps = tmp_path / "checkpoints" / "a" / "steps"
    assert sorted(path.name for path in steps.iterdir()) == ["000003", "000004", "000005"]


def test_the_same_input_gives_the_same_run(hitl: Hitl, tmp_path: Path) -> None:
    typed = "3 4 1 5\n2 2 4 3\n5 1 1 2\n4 4 1 1\n"
    whole = train(hitl, typed)
    assert whole.returncode == 0, whole.stderr
    (tmp_path / "checkpoints" / "a").rename(tmp_path / "checkpoints" / "whole")
    first, rest = typed[:16], typed[16:]
    train(hitl, first)
    hitl("resume", "a", typed=rest)

    def state(run: str) -> str:
        text = (tmp_path / "checkpoints" / run / "steps" / "000002" / "state.json").read_text()
        return json.loads(text)["last"]["digest"]

    assert state("a") == state("whole")


def test_a_run_is_made_again_from_its_journal(hitl: Hitl, tmp_path: Path) -> None:
    train(hitl, "3 4 1 5\n2 2 4 3\nundo\n5 1 1 2\n4 4 1 1\nskip\n1 2 3 4\n")
    steps = tmp_path / "checkpoints" / "a" / "steps"
    digest = json.loads((steps / "000002" / "state.json").read_text())["last"]["digest"]
    done = hitl("replay", "a", "--json")
    assert done.returncode == 0, done.stderr
    verdict = json.loads(done.stdout.splitlines()[-1])
    assert verdict == {"identical": True, "updates": 2, "digest": digest}
    assert done.stderr.count("identical") == 2

    for path in steps.rglob("model.safetensors"):
        path.write_bytes(b"torn")
    assert hitl("replay", "a", "--repair").stdout.startswith("identical: 2 updates")
    assert [p.name for p in steps.iterdir()] == ["000002"]
    [run] = json.loads(hitl("runs", "--json").stdout.splitlines()[-1])
    assert run["intact"]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("abc", "abc"),
        ("", "nothing was typed"),
        ("9 1 1 1", "9"),
        ("nan 1 1 1", "nan"),
        ("inf 1 1 1", "inf"),
        ("1 2 3", "3 scores for 4 completions"),
        ("1 2 3 4 5", "5 scores for 4 completions"),
    ],
)
def test_a_bad_line_gets_one_clear_line_and_loses_nothing(
    hitl: Hitl, typed: str, says: str
) -> None:
    done = train(hitl, f"4 4 4 4\n{typed}\n3 4 1 5\n")
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert re.search(r"update 1\b", done.stdout)
    [run] = json.loads(hitl("runs", "--json").stdout.splitlines()[-1])
    assert run["labels"] == 8


def test_full_width_digits_are_digits(hitl: Hitl) -> None:
    done = train(hitl, "３ ４ １ ５\n２，２，４，３\n")
    assert done.returncode == 0 and re.search(r"update 1\b", done.stdout), done.stdout


def test_undo_skip_and_quit(hitl: Hitl) -> None:
    done = train(hitl, "1 1 1 1\nundo\n3 4 1 5\nskip\nquit\n5 5 5 5\n")
    assert done.returncode == 0, done.stderr
    [run] = json.loads(hitl("runs", "--json").stdout.splitlines()[-1])
    assert (run["labels"], run["updates"]) == (4, 0)


def test_bytes_that_are_no_text_are_a_bad_line(hitl: Hitl) -> None:
    done = train(hitl, b"\xff\xfe\n3 4 1 5\n2 2 4 3\n")
    assert done.returncode == 0, done.stderr
    assert re.search(r"update 1\b", done.stdout)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--policy", "no-such"), "tiny-zh"),
        (("--policy", "somebody/some-gpt2"), "--policy tiny-zh"),
        (("--policy", "weightless"), "weights"),
        (("--prompts", "none.txt"), "none.txt"),
        (("--prompts", "empty.txt"), "empty.txt"),
        (("--prompts", "gbk.txt"), "UTF-8"),
        (("--scale", "5-1"), "--scale"),
        (("--batch-size", "0"), "--batch-size"),
        (("--run", "../x"), "name"),
    ],
)
def test_a_bad_option_gets_one_line_that_says_what_to_do(
    hitl: Hitl, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "weightless").mkdir()
    (tmp_path / "weightless" / "config.json").write_text('{"model_type": "gpt2"}')
    (tmp_path / "empty.txt").write_text("# nothing\n\n")
    (tmp_path / "gbk.txt").write_bytes("今天天气很好".encode("gbk"))
    done = hitl("train", "--plain", "--lang", "zh", *arguments, typed="3 4 1 5\n")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("hitl: ") and says in line
    assert not list((tmp_path / "checkpoints").glob("zh-*"))  # no run that cannot be opened


def test_a_hub_that_does_not_answer_is_given_up_soon(hitl: Hitl) -> None:
    """A port of this machine that nobody listens at stands for it."""
    started = time.monotonic()
    done = hitl(
        "train", "--plain", "--policy", "somebody/some-gpt2",
        HF_HUB_OFFLINE="0", HF_ENDPOINT="http://127.0.0.1:9", NO_PROXY="127.0.0.1",
    )  # fmt: skip
    assert done.returncode == 1 and time.monotonic() - started < 30
    [line] = done.stderr.strip().splitlines()
    assert "--policy tiny-zh" in line


def test_a_name_that_is_taken_is_refused(hitl: Hitl) -> None:
    train(hitl, "")
    again = train(hitl, "3 4 1 5\n")
    assert again.returncode == 2 and "hitl resume a" in again.stderr
    [run] = json.loads(hitl("runs", "--json").stdout.splitlines()[-1])
    assert run["labels"] == 0
