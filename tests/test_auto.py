"""A scorer in the operator's place, and the recipes of its command."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from hitl.auto import Scored, ScoringOperator, drawn
from hitl.commands.dispatch import COMMANDS
from hitl.commands.parse import parse
from hitl.config.auto import Auto, by_recipe, recipe, recipe_of
from hitl.errors import HitlError, UsageError
from hitl.operator import Desk, Notice, Quit, Updated
from hitl.prompts import load_prompts
from hitl.records import Completion, Group, Judgement, Mode, Prompt, Scores, UpdateStats
from hitl.shipped import shipped


def desk(*texts: str) -> Desk:
    group = Group(Prompt("P", 3), (1,), tuple(Completion(t, (1,), (-1.0,), True) for t in texts), 0)
    return Desk(group, Mode.SCORE, tuple(range(len(texts))), 0, 4, 0, None, lambda draft: None)


def stats(number: int) -> UpdateStats:
    return UpdateStats(number, 2, 0.5, 0.1, 0.0, 0.1, 0.0, 0.0, 3.0, 0.0, 0.0, 1.0, 4, 0.1)


def test_scores_reach_the_journal_as_they_are_and_updates_end_it() -> None:
    heard: list[tuple[int, Sequence[Scored]]] = []
    operator = ScoringOperator(
        "s", lambda texts: [float(len(t)) for t in texts], updates=1, baseline=2.0,
        on_update=lambda s, scored: heard.append((s.number, scored)),
        on_notice=lambda notice: None,
    )  # fmt: skip
    reply = operator.judge(desk("a", "bcd"))
    assert isinstance(reply, Judgement)
    assert reply.verdict == Scores((0.0, 2.0)) and reply.operator == "s"
    operator.notify(Updated(stats(7)))
    assert heard == [(7, [("Pa", 2.0), ("Pbcd", 4.0)])]
    assert isinstance(operator.judge(desk("a")), Quit)


def test_a_signal_and_notices_are_heard() -> None:
    notices: list[str] = []
    operator = ScoringOperator(
        "s", lambda texts: [0.0 for _ in texts], updates=9, baseline=0.0,
        on_update=lambda s, scored: None, on_notice=lambda n: notices.append(n.text),
    )  # fmt: skip
    operator.notify(Notice("full disk"))
    assert notices == ["full disk"]
    operator.leave()
    assert operator.leaving and isinstance(operator.judge(desk("a")), Quit)


def scoring(*scores: float) -> ScoringOperator:
    return ScoringOperator(
        "s", lambda texts: scores[: len(texts)], updates=9, baseline=0.0,  # type: ignore[arg-type,return-value]
        on_update=lambda s, scored: None, on_notice=lambda n: None,
    )  # fmt: skip


def test_a_score_that_is_no_number_ends_it_and_names_the_text() -> None:
    with pytest.raises(HitlError, match="s gives nan to the text 'Pb'"):
        scoring(1.0, math.nan).judge(desk("a", "b"))
    with pytest.raises(UsageError, match="--reward-baseline nan is not a finite number"):
        command("--reward-baseline", "nan")


def test_scores_that_could_not_be_kept_are_not_said_for_ever() -> None:
    operator = scoring(1.0, 2.0)
    operator.judge(desk("a", "b"))
    operator.notify(Notice("the disk is full", "error"))
    with pytest.raises(HitlError, match="could not be kept: the disk is full"):
        operator.judge(desk("a", "b"))


def test_the_texts_shown_are_those_of_the_update_each_time() -> None:
    scored = [(str(i), float(i)) for i in range(20)]
    assert drawn(scored, 5, 1, 3) == drawn(scored, 5, 1, 3) != drawn(scored, 5, 1, 4)
    assert len(drawn(scored, 5, 1, 3)) == 5 and set(drawn(scored, 50, 1, 3)) == set(scored)


def command(*words: str) -> Auto:
    given = by_recipe(words)
    return parse(Auto, "auto", given, recipe_of(given))


def test_recipes_map_to_the_options_of_the_old_set_ups() -> None:
    assert COMMANDS["auto"] is Auto
    old = command("--recipe", "sentiment-zh")
    assert old.session.policy == "uer/gpt2-chinese-cluecorpussmall"
    assert old.reward == "uer/roberta-base-finetuned-jd-binary-chinese" and not old.raw
    assert (old.session.lang, old.session.max_new_tokens, old.session.preset) == (
        "zh", 20, "trl-classic",
    )  # fmt: skip
    path = shipped("prompts", "sentiment-zh.txt")
    assert path is not None and len(load_prompts(path)) == 4

    imdb = command("--recipe=imdb")
    assert (imdb.session.policy, imdb.reward) == ("lvwerra/gpt2-imdb", "lvwerra/distilbert-imdb")
    assert imdb.raw and imdb.session.max_new_tokens == 16
    assert (imdb.session.query_lengths, imdb.session.answer_lengths) == ((2, 8), (4, 16))
    assert imdb.session.ppo.kl_horizon == 10_000 and imdb.session.ppo.advantage == "gae"


@pytest.mark.parametrize("name", ["sentiment-zh", "imdb"])
def test_a_recipe_is_a_preset_too_beside_those_of_the_step(name: str) -> None:
    for words in (("--preset", name), (f"--preset={name}",), ("--recipe", name)):
        assert command(*words) == recipe(name)
    step = command("--recipe", name, "--preset", "human")
    assert step.recipe == name and step.session.preset == "human"
    assert by_recipe(["--run", "imdb", "--preset"]) == ["--run", "imdb", "--preset"]


def test_what_is_given_holds_over_the_recipe() -> None:
    mine = command("--recipe", "imdb", "--policy", "tiny-en", "--reward", "r", "--batch-size", "16")
    assert (mine.session.policy, mine.reward, mine.session.batch_size) == ("tiny-en", "r", 16)
    assert mine.raw and mine.session.preset == "trl-classic"
    assert command() == recipe("tiny") and command().session.policy is None


def test_options_of_the_medical_recipe_by_their_names_there() -> None:
    words = ("--max-steps 7 --target-kl 3 --early-stopping --early-stop-kl .1 --save-steps 5 "
             "--reward-baseline .5 --warmup 2 --gradient-checkpointing --lora --lora-rank 4 "
             "--lora-alpha 8 --lora-targets c_attn --report-to trackio --project p")  # fmt: skip
    given = command(*words.split())
    session = given.session
    assert (given.updates, given.reward_baseline, given.report_to) == (7, 0.5, "trackio")
    assert (session.ppo.target_kl, session.ppo.early_stopping, session.ppo.early_stop_kl) == (
        3, True, 0.1,
    )  # fmt: skip
    assert (session.save_steps, session.warmup, session.gradient_checkpointing) == (5, 2, True)
    assert (session.lora, session.lora_rank, session.lora_alpha) == (True, 4, 8)
    assert command("--updates", "7").updates == 7


def test_options_that_cannot_be() -> None:
    for words, message in (
        (("--recipe", "x"), "tiny, sentiment-zh or imdb"),
        (("--mode", "rank"), "a scorer gives scores"),
        (("--updates", "0"), "--updates 0"),
    ):
        with pytest.raises(UsageError, match=message):
            command(*words)
