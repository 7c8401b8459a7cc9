"""What goes over a connection comes out as it was, and nothing else comes in."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.config.recorded import from_json, to_json
from hitl.config.session import SessionConfig
from hitl.host.messages import Answer, Asked, Entered, Happened, Hello, Welcome
from hitl.host.wire import WireError, dumps, heard_by_host, heard_by_joined
from hitl.operator import (
    Contrasted,
    Draft,
    Event,
    Inspected,
    Judged,
    Notice,
    OwnPrompt,
    Partial,
    Progress,
    Quit,
    Ready,
    Rejudged,
    Resample,
    Save,
    Saved,
    Tuned,
    Undo,
    Undone,
    Updated,
    Waiting,
)
from hitl.records import (
    Edit,
    Judgement,
    Mode,
    Prompt,
    Ranking,
    Rejected,
    Scores,
    Skip,
    StepOptions,
    TokenView,
)
from hitl.tuning import Tune, Tuning
from hitl.wording import Sentence, translator
from tests.fakes import FakeEngine

GROUP = FakeEngine().sample([Prompt("今天 \x1b[31m", 3, 1)], 2, 0)[0]
STATS = FakeEngine().update(1, [])
JUDGEMENT = Judgement((3, 1), Scores((1.0, None)), "anna", Mode.SCORE, 2.5, "12", (1, 0), "n", True)
EVENTS: list[Event] = [
    Waiting("sample", (3, 1)), Waiting("load"), Partial((3, 1), "p", ("a", "b")),
    Progress("update", 1, 4), Ready(2), Judged(JUDGEMENT, (1.0, -1.0), 4),
    Rejudged(JUDGEMENT, None), Rejudged(JUDGEMENT, 0.5), Undone(JUDGEMENT, 2), Updated(STATS, 3),
    Saved(4), Tuned(Tuning(StepOptions(1e-4, 2.0), True)),
    Inspected((3, 1), ((TokenView("a", -0.5),), ())), Contrasted(1, 2, "p", "b", "a"),
    Notice("plain", "warning"),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_come_as_they_were(event: Event) -> None:
    assert heard_by_joined(dumps(Happened(event))) == Happened(event)


def test_a_reward_that_is_excluded_stays_so() -> None:
    told = heard_by_joined(dumps(Happened(Judged(JUDGEMENT, (math.nan, 1.0), 0))))
    assert isinstance(told, Happened) and isinstance(told.event, Judged)
    assert math.isnan(told.event.rewards[0]) and told.event.rewards[1] == 1.0


def test_a_sentence_can_still_be_said_in_chinese() -> None:
    inner = Sentence("1 judgement")
    said = Sentence("{meaning} (few so far)", meaning=inner)
    told = heard_by_joined(dumps(Happened(Notice(said))))
    assert isinstance(told, Happened) and isinstance(told.event, Notice)
    assert told.event.text == said
    assert translator("zh").said(told.event.text) == translator("zh").said(said)


@pytest.mark.parametrize(
    "reply", [JUDGEMENT, Undo(), Resample(), OwnPrompt("天"), Tune(lr=0.1), Save(), Quit()]
)
def test_replies_come_as_they_were(reply: object) -> None:
    answer = Answer(7, reply)  # type: ignore[arg-type]
    assert heard_by_host(dumps(answer)) == answer


@given(
    st.one_of(
        st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)).map(
            lambda values: Scores(tuple(values))
        ),
        st.lists(st.none() | st.integers(1, 9)).map(lambda ranks: Ranking(tuple(ranks))),
        st.builds(Edit, st.text(), st.none() | st.just(Ranking((1, 2))), st.none() | st.just(1)),
        st.builds(Rejected, st.integers(0, 9)),
        st.just(Skip()),
    ),
    st.floats(0, 1e6),
    st.text(),
)
def test_judgements_come_as_they_were(verdict: object, seconds: float, note: str) -> None:
    made = Judgement((1, 0), verdict, "ben", Mode.RANK, seconds, note, (0,), note)  # type: ignore[arg-type]
    hello = Hello(1, "ben", "c", (1, 0), made)
    assert heard_by_host(dumps(hello)) == hello


def test_what_a_screen_needs_comes_as_it_was() -> None:
    asked = Asked(1, GROUP, Mode.SCORE, (1, 0), 2, None, 3, Draft(("1", ""), "e", "n", True))
    assert heard_by_joined(dumps(asked)) == asked
    config = SessionConfig(lang="en", seed=5)
    import dataclasses

    welcome = Welcome(1, "r", to_json(config), dataclasses.asdict(config.ppo), (STATS,), 1.5)
    again = heard_by_joined(dumps(welcome))
    assert isinstance(again, Welcome)
    read = from_json(again.options, again.ppo, "here")
    assert read.ppo == config.ppo and to_json(read) == to_json(config)
    assert again.updates == (STATS,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "nothing",
        '{"": "Nothing"}',
        '{"": "SystemExit"}',
        '{"": "Asked"}',
        dumps(Happened(Ready(1))),
        '{"": "Answer", "desk": "1", "reply": {"": "Undo"}}',
        '{"": "Answer", "desk": true, "reply": {"": "Undo"}}',
        '{"": "Answer", "desk": 1, "reply": {"": "TakeBack", "judgement": 1, "now": true}}',
        '{"": "Answer", "desk": 1, "reply": {"": "Tune", "lr": 7.0}}',
        '{"": "Answer", "desk": 1, "reply": {"": "Undo", "more": 1}}',
        '{"": "Answer", "desk": 1, "reply": {"": "OwnPrompt", "text": {"say": "x", "with": {}}}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        heard_by_host(text)


def test_a_draft_goes_over() -> None:
    entered = Entered(2, Draft(("", "3")))
    assert heard_by_host(dumps(entered)) == entered
    assert json.loads(dumps(entered))["draft"]["entries"] == ["", "3"]
