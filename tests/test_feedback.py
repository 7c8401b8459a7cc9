"""What typed lines mean, and what is said of those that mean nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hitl.feedback.lines import Flag, Help, Note, expected, help_lines, parse_line
from hitl.feedback.options import parse_options
from hitl.feedback.places import in_group_order
from hitl.feedback.ranking import parse_ranking
from hitl.feedback.scores import parse_scores
from hitl.feedback.typed import FeedbackError, normalise
from hitl.operator import OwnPrompt, Quit, Resample, Save, Undo
from hitl.records import Edit, Mode, Ranking, Rejected, Scores, Skip
from hitl.scale import Scale
from hitl.tuning import Tune

FIVE = Scale(1, 5)
TYPE_4 = 'type 4 numbers from 1 to 5, such as "3 4 1 5", or skip'
RANK_4 = (
    'type the 4 completion numbers, best first, such as "3 1 4 2", or "3>1=4>2" with a tie, or skip'
)


def refusal(text: str, mode: Mode = Mode.SCORE, count: int = 4, scale: Scale = FIVE) -> str:
    with pytest.raises(FeedbackError) as caught:
        parse_line(text, mode, count, scale)
    return str(caught.value)


# --- scores ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "3 4 1 5",
        "3,4,1,5",
        "3, 4 1 ,5",
        "  3\t4 1 5 \r\n",
        "３ ４ １ ５",
        "３，４、１　５",
        "3；4;1·0 5。",
        "\ufeff3 4 1 5",
        "+3 4.0 1.00 5",
    ],
)
def test_scores_however_they_are_separated(text: str) -> None:
    assert parse_scores(text, 4, FIVE) == Scores((3.0, 4.0, 1.0, 5.0))


@pytest.mark.parametrize("sign", ["_", "x", "X", "＿", "ｘ", "——"])
def test_one_completion_left_out(sign: str) -> None:
    assert parse_scores(f"3 {sign} 1", 3, FIVE) == Scores((3.0, None, 1.0))


@pytest.mark.parametrize("minus", ["-", "−", "–", "－", "—"])
def test_scores_below_zero(minus: str) -> None:
    line = f"{minus}0.35 .5 {minus}1"
    assert parse_scores(line, 3, Scale(-1, 1)) == Scores((-0.35, 0.5, -1.0))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("3 4 1", f"3 scores for 4 completions: {TYPE_4}"),
        ("3", f"1 score for 4 completions: {TYPE_4}"),
        ("3 4 1 5 2", f"5 scores for 4 completions: {TYPE_4}"),
        ("", f"nothing was typed: {TYPE_4}"),
        ("   \n", f"nothing was typed: {TYPE_4}"),
        ("abc", f'"abc" is no score: {TYPE_4}'),
        ("nan 1 2 3", f'"nan" is no score: {TYPE_4}'),
        ("1 inf 2 3", f'"inf" is no score: {TYPE_4}'),
        ("1 2 -inf 3", f'"-inf" is no score: {TYPE_4}'),
        ("1_0 1 1 1", f'"1_0" is no score: {TYPE_4}'),
        ("٣ 1 1 1", f'"٣" is no score: {TYPE_4}'),
        ("9", f'"9" is not on the scale 1-5: {TYPE_4}'),
        ("９ 1 1 1", f'"9" is not on the scale 1-5: {TYPE_4}'),
        ("0 1 2 3", f'"0" is not on the scale 1-5: {TYPE_4}'),
        ("3415", f'"3415" is not on the scale 1-5: {TYPE_4}'),
        ("1e999 1 1 1", f'"1e999" is not on the scale 1-5: {TYPE_4}'),
        ("_ x _ x", f"every completion is left out: {TYPE_4}"),
        ("3 - 4 5", f'"-" is no score: {TYPE_4}'),
        (". 1 1 1", f'"." is no score: {TYPE_4}'),
        ("1 －． 1 1", f'"-." is no score: {TYPE_4}'),
        ("。 1 1 1", f'"." is no score: {TYPE_4}'),
        ("3 \x1b[31m 1 5", f'"[31m" is no score: {TYPE_4}'),
    ],
)
def test_what_is_said_of_bad_scores(text: str, sentence: str) -> None:
    assert refusal(text) == sentence


def test_a_long_word_is_not_repeated_in_full() -> None:
    assert refusal("a" * 100_000) == f'"{"a" * 20}…" is no score: {TYPE_4}'


def test_a_single_completion_is_singular() -> None:
    said = '2 scores for 1 completion: type 1 number from 1 to 5, such as "3", or skip'
    assert refusal("3 4", count=1) == said


@pytest.mark.parametrize(
    "text", ["1-5", "0-10", "-1..1", "-2..2", "0-1", "0.25-0.75", "1-123456789"]
)
@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_the_example_it_gives_can_be_typed(text: str, count: int) -> None:
    scale = Scale.parse(text)
    line = expected(Mode.SCORE, count, scale).split('"')[1]
    assert len(parse_scores(line, count, scale).values) == count


SEPARATORS = st.sampled_from([" ", "  ", ",", ", ", " , ", "，", "、", "\t", "\u3000", "；", " ，"])


@given(st.data())
def test_any_scores_with_any_separators_come_back(data: st.DataObject) -> None:
    low = data.draw(st.integers(-20, 20))
    scale = Scale(low, low + data.draw(st.integers(1, 30)))
    score = st.none() | st.floats(scale.low, scale.high, allow_nan=False)
    values = data.draw(st.lists(score, min_size=1, max_size=9).filter(any))
    line = ""
    for position, value in enumerate(values):
        line += data.draw(SEPARATORS) if position else ""
        line += "_" if value is None else repr(value)
    if data.draw(st.booleans()):  # full-width, as an input method types it
        line = line.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789.-,_"})
    assert parse_line(line, Mode.SCORE, len(values), scale) == Scores(tuple(values))


# --- rankings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ranks"),
    [
        ("3 1 4 2", (2, 4, 1, 3)),
        ("3142", (2, 4, 1, 3)),
        ("３，１、４　２", (2, 4, 1, 3)),
        ("3>1>4>2", (2, 4, 1, 3)),
        ("３＞１》４ 〉２", (2, 4, 1, 3)),
        ("314", (2, 4, 1, 3)),
        ("3>1=4>2", (2, 3, 1, 2)),
        ("3 1=4 2", (2, 3, 1, 2)),
        ("3 1 = 4", (2, 3, 1, 2)),
        ("1＝2＝3＝4", (1, 1, 1, 1)),
    ],
)
def test_rankings(text: str, ranks: tuple[int, ...]) -> None:
    assert parse_ranking(text, 4) == Ranking(ranks)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", f"nothing was typed: {RANK_4}"),
        ("3 1", f"completions 2, 4 are not ranked: {RANK_4}"),
        ("3 1 4 3", f"3 stands there twice: {RANK_4}"),
        ("3 1 4 5", f'"5" is none of the 4 completions: {RANK_4}'),
        ("3 1 4 0", f'"0" is none of the 4 completions: {RANK_4}'),
        ("nan", f'"n" is none of the 4 completions: {RANK_4}'),
        ("=3 1 4", f'"=" must stand between two numbers: {RANK_4}'),
        ("3>>1 4", f'">" must stand between two numbers: {RANK_4}'),
        ("3 1 4=", f'nothing follows the last "=": {RANK_4}'),
        (",", f"no completion was named: {RANK_4}"),
    ],
)
def test_what_is_said_of_bad_rankings(text: str, sentence: str) -> None:
    assert refusal(text, Mode.RANK) == sentence


def test_numbers_too_long_for_python_are_only_wrong() -> None:
    assert "is none of the 12 completions" in refusal("9" * 10_000, Mode.RANK, 12)


@given(st.data())
def test_any_ranking_comes_back(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 14))
    ranks = data.draw(st.lists(st.integers(1, count), min_size=count, max_size=count))
    levels = sorted(set(ranks))
    tiers = [[str(i + 1) for i, rank in enumerate(ranks) if rank == level] for level in levels]
    between = data.draw(st.sampled_from([">", " ", ",", " > ", "、", "》"]))
    line = between.join("=".join(tier) for tier in tiers)
    parsed = parse_ranking(line, count).ranks
    assert [levels.index(rank) + 1 for rank in ranks] == list(parsed)


@pytest.mark.parametrize("count", range(1, 16))
def test_the_rankings_it_suggests_can_be_typed(count: int) -> None:
    for line in expected(Mode.RANK, count, FIVE).split('"')[1::2]:
        assert len(parse_ranking(line, count).ranks) == count


# --- pairs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ranks"),
    [("1", (1, 2)), ("2", (2, 1)), ("=", (1, 1)), ("２", (2, 1)), ("＝", (1, 1)), ("2>1", (2, 1))],
)
def test_pairs(text: str, ranks: tuple[int, int]) -> None:
    assert parse_line(text, Mode.PAIR, 2, FIVE) == Ranking(ranks)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("3", '"3" is none of the 2 completions'),
        ("", "nothing was typed"),
        ("abc", '"a" is none of the 2 completions'),
    ],
)
def test_what_is_said_of_bad_pairs(text: str, wrong: str) -> None:
    said = f'{wrong}: type the better one, 1 or 2, or "=" for a tie, or skip'
    assert refusal(text, Mode.PAIR, 2) == said


# --- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        (["skip", "s", "S", "ｓｋｉｐ", "跳过", " skip \n"], Skip()),
        (["undo", "u", "撤销"], Undo()),
        (["quit", "q", "Q", "退出"], Quit()),
        (["resample", "r", "重采"], Resample()),
        (["save", "保存"], Save()),
        (["help", "h", "?", "？", "帮助"], Help()),
    ],
)
def test_words(mode: Mode, words: list[str], meaning: object) -> None:
    assert [parse_line(word, mode, 2, FIVE) for word in words] == [meaning] * len(words)


@pytest.mark.parametrize("line", ["e 春，天！", "edit: 春，天！", "编辑 春，天！\n"])
def test_an_edit_is_taken_as_written(line: str) -> None:
    assert parse_line(line, Mode.SCORE, 4, FIVE) == Edit("春，天！")


def test_an_edit_needs_text() -> None:
    said = 'the edit has no text: write it behind the word, such as "e a good day"'
    assert refusal("e") == refusal("edit   ") == said
    assert "write it in UTF-8 again" in refusal("e a\udcff")


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("edit 2 春，天！", Edit("春，天！", of=1)),
        ("ｅ ２ 春", Edit("春", of=1)),
        ("edit: 2 days later", Edit("2 days later")),
        ("e：2", Edit("2")),
        ("edit 2nd try", Edit("2nd try")),
        ("note 太短 = bad", Note("太短 = bad")),
        ("备注：a", Note("a")),
        ("note", Note("")),
        ("flag", Flag()),
        ("标记", Flag()),
        ("prompt  从前 once ", OwnPrompt("从前 once")),
        ("提示 1 2", OwnPrompt("1 2")),
    ],
)
@pytest.mark.parametrize("mode", list(Mode))
def test_words_that_take_a_text(line: str, meaning: object, mode: Mode) -> None:
    assert parse_line(line, mode, 2, FIVE) == meaning


def test_a_number_alone_is_no_text_and_a_wrong_one_no_place() -> None:
    assert "write it behind the number" in refusal("edit 2")
    said = refusal("edit 2024 was good")
    assert "2024 is none of the 4 completions" in said and '"edit: 2024 was good"' in said
    assert "prompt has no text" in refusal("prompt ")
    assert "cannot be read" in refusal("note a\udcff") and "cannot be read" in refusal("p \udcff")


@pytest.mark.parametrize("line", ["bad", "b", "Both bad", "都不好"])
def test_both_bad_is_said_of_a_pair_only(line: str) -> None:
    assert parse_line(line, Mode.PAIR, 2, FIVE) == Rejected(2)
    with pytest.raises(FeedbackError):
        parse_line(line, Mode.RANK, 2, FIVE)


def test_help_names_every_word() -> None:
    said = " ".join(help_lines(Mode.SCORE, 4, FIVE))
    for word in (
        "3 4 1 5",
        "skip",
        "undo",
        "edit 2",
        "note",
        "flag",
        "prompt",
        "resample",
        "save",
        "quit",
        "撤销",
        "_ or x",
    ):
        assert word in said


@given(
    st.text() | st.text("0123456789 .,-=>_x+einfa９，。\u3000\x1b\udc80", max_size=12),
    st.sampled_from(Mode),
    st.integers(1, 12),
)
@example("9" * 5000, Mode.RANK, 12)
@example("9" * 5000, Mode.SCORE, 4)
@example("\ud800", Mode.SCORE, 4)
def test_any_text_is_understood_or_refused_in_one_line(text: str, mode: Mode, count: int) -> None:
    try:
        said = parse_line(text, mode, count, Scale(-1, 9))
    except FeedbackError as error:
        sentence = str(error)
        assert sentence and sentence.isprintable() and len(sentence) < 300
        assert "type" in sentence or "write" in sentence
        return
    match said:
        case Scores(values):
            assert len(values) == count
            assert all(v is None or -1 <= v <= 9 for v in values)
            assert any(v is not None for v in values)
        case Ranking(ranks):
            assert len(ranks) == count
            assert all(r is not None and 1 <= r <= count for r in ranks)


@given(st.text())
def test_normalised_text_has_no_invisible_ends(text: str) -> None:
    assert normalise(text) == normalise(text).strip()


def test_places_become_completions() -> None:
    assert in_group_order(Scores((1.0, 2.0, None)), (2, 0, 1)) == Scores((2.0, None, 1.0))
    assert in_group_order(Ranking((1, 2, 3)), (2, 0, 1)) == Ranking((2, 3, 1))
    assert in_group_order(Skip(), (1, 0)) == Skip()
    edit = Edit("x", Scores((1.0, 2.0, None)), of=0)
    assert in_group_order(edit, (2, 0, 1)) == Edit("x", Scores((2.0, None, 1.0)), of=2)


@pytest.mark.parametrize(
    ("line", "change"),
    [
        ("lr 1e-4", Tune(lr=1e-4)),
        ("ＬＲ：０.００１", Tune(lr=1e-3)),
        ("kl 4", Tune(target_kl=4.0)),
        ("KL=2.5", Tune(target_kl=2.5)),
        ("pause", Tune(paused=True)),
        ("继续", Tune(paused=False)),
    ],
)
def test_a_line_that_changes_options(line: str, change: Tune) -> None:
    assert parse_line(line, Mode.SCORE, 4, Scale(1, 5)) == change


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lr fast", '"fast" is no number: type lr and one, such as lr 1e-4'),
        ("lr 2", "a learning rate of 2 is none: above 0 and below 1, such as lr 1e-4"),
        ("kl -1", "a KL budget of -1 nats is none: above 0, in nats, such as kl 4"),
    ],
)
def test_a_change_that_is_none_says_what_would_be(line: str, message: str) -> None:
    with pytest.raises(FeedbackError, match=re.escape(message)):
        parse_line(line, Mode.SCORE, 4, Scale(1, 5))


@pytest.mark.parametrize(
    ("line", "change"),
    [
        ("lr 1e-4  kl 4", Tune(1e-4, 4.0)),
        ("kl=4,lr:1e-4", Tune(1e-4, 4.0)),
        ("ＫＬ：２．５", Tune(target_kl=2.5)),
        (" LR 0.5 ", Tune(lr=0.5)),
    ],
)
def test_options_on_one_line(line: str, change: Tune) -> None:
    assert parse_options(line) == change


@pytest.mark.parametrize(
    "line", ["", "4", "lr", "lr 1e-4 4", "lr 1e-4 and kl 4", "lr -1", "kl nan", "lr 1e-4kl 4"]
)
def test_options_that_are_none_are_refused_with_an_example(line: str) -> None:
    with pytest.raises(FeedbackError, match=r"such as (lr 1e-4|kl 4)"):
        parse_options(line)
