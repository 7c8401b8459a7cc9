"""Changes in the middle of a run: what holds, and what is no change."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.errors import UsageError
from hitl.records import StepOptions
from hitl.tuning import Change, Tune, Tuning, in_effect, options_when_full, tuning_of

BASE = StepOptions(3e-4, 6.0)
changes = st.builds(
    Tune,
    lr=st.none() | st.floats(1e-9, 0.5),
    target_kl=st.none() | st.floats(1e-3, 1e3),
    paused=st.none() | st.booleans(),
)


@given(st.lists(changes))
def test_the_last_word_on_each_holds_and_survives_the_journal(made: list[Tune]) -> None:
    said = [Change(change, number) for number, change in enumerate(made)]
    kept = [Change.from_json(json.loads(json.dumps(change.to_json()))) for change in said]
    assert kept == said
    found = tuning_of(BASE, kept)
    held = {"lr": found.options.lr, "target_kl": found.options.target_kl, "paused": found.paused}
    for name, first in (("lr", 3e-4), ("target_kl", 6.0), ("paused", False)):
        given = [getattr(c, name) for c in made if getattr(c, name) is not None]
        assert held[name] == [first, *given][-1]


def test_a_batch_is_learned_from_with_what_held_when_it_was_full() -> None:
    def rate(judged: int, *said: tuple[Tune, int]) -> float | None:
        found = options_when_full(BASE, [Change(*change) for change in said], judged)
        return None if found is None else found.lr

    slower, slowest, pause, go_on = (
        Tune(lr=2e-4),
        Tune(lr=1e-4),
        Tune(paused=True),
        Tune(paused=False),
    )
    assert rate(4) == 3e-4
    assert rate(4, (slower, 3), (slowest, 4)) == 2e-4
    assert rate(4, (pause, 4), (slower, 4)) == 3e-4
    # While it waits, what is said is heeded up to the word that lets it go.
    assert rate(4, (pause, 3), (slower, 6)) is None
    assert rate(4, (pause, 3), (slower, 6), (go_on, 8), (slowest, 8)) == 2e-4


def test_a_journal_that_does_not_say_when_has_all_changes_before_everything() -> None:
    old = Change.from_json({"lr": 1e-4})
    assert options_when_full(BASE, [old], 1) == StepOptions(1e-4, BASE.target_kl)


@pytest.mark.parametrize("lr", [0.0, -1.0, 1.0, math.nan, math.inf])
def test_no_learning_rate(lr: float) -> None:
    with pytest.raises(UsageError, match="a learning rate of"):
        Tune(lr=lr)


@pytest.mark.parametrize("kl", [0.0, -1.0, math.nan, math.inf])
def test_no_kl_budget(kl: float) -> None:
    with pytest.raises(UsageError, match="a KL budget of"):
        Tune(target_kl=kl)


def test_in_words() -> None:
    assert str(Tuning(BASE)) == "lr 0.0003, KL budget 6 nats"
    assert str(Tuning(BASE, paused=True)).startswith("paused")


def test_the_learning_rate_rises_over_the_warmup_and_stays() -> None:
    rates = [in_effect(BASE, number, 16, 4).lr / BASE.lr for number in range(1, 7)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
    assert in_effect(BASE, 1, 16, 0) == in_effect(BASE, 1, 16, 1) == BASE
    assert in_effect(BASE, 1, 16, 4).target_kl == BASE.target_kl


def test_the_learning_rate_falls_with_the_square_root_of_labels() -> None:
    falling = replace(BASE, lr_decay=16.0)
    rates = [in_effect(falling, number, 16, 0).lr / BASE.lr for number in (1, 2, 4, 9)]
    assert rates == pytest.approx([1, 2**-0.5, 1 / 2, 1 / 3])
    # As many labels in other batches end at the same rate.
    assert in_effect(falling, 9, 8, 0) == in_effect(falling, 5, 16, 0)
    both = [in_effect(falling, number, 16, 2).lr / BASE.lr for number in (1, 2, 4)]
    assert both == pytest.approx([1 / 2, 2**-0.5, 1 / 2])


def test_a_learning_rate_that_was_given_holds() -> None:
    falling = Tuning(replace(BASE, lr_decay=16.0))
    assert "falling from 0.0003" in str(falling)
    given = falling.after(Tune(lr=1e-4))
    assert in_effect(given.options, 9, 16, 0) == StepOptions(1e-4, BASE.target_kl)
    assert "falling" not in str(given)
    wider = falling.after(Tune(target_kl=9.0))
    assert in_effect(wider.options, 4, 16, 0) == StepOptions(BASE.lr / 2, 9.0)
