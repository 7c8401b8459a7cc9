"""Prompt files, and which prompt a group gets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.errors import UsageError
from hitl.prompts import draw, load_prompts, shipped_prompts
from hitl.records import Prompt


def written(folder: Path, data: bytes) -> Path:
    path = folder / "prompts.txt"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "prompts"),
    [
        ("今天\nThe film\n".encode(), ("今天", "The film")),
        ("\ufeff今天\n".encode(), ("今天",)),
        (b"# about\r\n\r\n  a b \r\nc", ("a b", "c")),
        (b"a\rb\r\r", ("a", "b")),
        ("a\u2028b\x0cc\n".encode(), ("a\u2028b\x0cc",)),
        (b"a\na\n", ("a", "a")),
    ],
)
def test_what_a_file_holds(tmp_path: Path, data: bytes, prompts: tuple[str, ...]) -> None:
    assert load_prompts(written(tmp_path, data)) == prompts


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "holds no prompts"),
        (b"\n \n# only this\n", "holds no prompts"),
        ("\ufeff".encode(), "holds no prompts"),
        ("好\n".encode("gbk"), "line 1 is not UTF-8"),
        ("a\nb\n好".encode("gbk"), "line 3 is not UTF-8"),
        ("a\n".encode("utf-16"), "line 1 is not UTF-8"),
    ],
)
def test_what_is_said_of_a_bad_file(tmp_path: Path, data: bytes, said: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(UsageError) as caught:
        load_prompts(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no prompt file"):
        load_prompts(tmp_path / "none.txt")
    with pytest.raises(UsageError, match="is a folder"):
        load_prompts(tmp_path)
    with pytest.raises(UsageError, match="cannot read"):
        load_prompts(tmp_path / "a\0b")
    with pytest.raises(UsageError, match="cannot read"):
        load_prompts(written(tmp_path, b"a") / "b")


@given(
    count=st.integers(1, 40),
    seed=st.integers(0, 2**32),
    epoch=st.integers(0, 5),
)
def test_every_epoch_shows_every_prompt_once(count: int, seed: int, epoch: int) -> None:
    prompts = [f"p{i}" for i in range(count)]
    first = epoch * count + 1
    drawn = [draw(prompts, seed, number).text for number in range(first, first + count)]
    assert Counter(drawn) == Counter(prompts)


def test_a_draw_depends_on_seed_and_number_only() -> None:
    prompts = [f"p{i}" for i in range(20)]
    forwards = [draw(prompts, 7, number) for number in range(1, 61)]
    backwards = [draw(prompts, 7, number) for number in range(60, 0, -1)]
    assert forwards == backwards[::-1]
    assert [prompt.number for prompt in forwards] == list(range(1, 61))
    assert all(prompt.attempt == 0 for prompt in forwards)
    assert forwards != [draw(prompts, 8, number) for number in range(1, 61)]
    assert [p.text for p in forwards[:20]] != [p.text for p in forwards[20:40]]


def test_the_order_is_the_same_on_every_machine() -> None:
    """A resumed run must go on with these; a change here breaks the runs there are."""
    assert [draw("abcdef", 1, number).text for number in range(1, 7)] == list("fbcead")
    assert draw(["only"], 1, 3) == Prompt("only", 3)


def test_groups_count_from_1() -> None:
    with pytest.raises(ValueError, match="count from 1"):
        draw(["a"], 1, 0)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_shipped_prompts_can_be_read(lang: str) -> None:
    prompts = load_prompts(shipped_prompts(lang))
    assert len(prompts) == len(set(prompts)) >= 20


def test_the_texts_of_a_data_set_are_prompts(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "One\\n two"}\n{"text": "三"}\n', "utf-8")
    (tmp_path / "b.csv").write_text("label,text\n1,One two\n0,三\n", "utf-8")
    for kind in ("pos", "neg"):
        (tmp_path / "aclImdb" / "train" / kind).mkdir(parents=True)
        (tmp_path / "aclImdb" / "train" / kind / "0_9.txt").write_text(f"{kind}<br />film", "utf-8")
    assert (
        load_prompts(tmp_path / "a.jsonl") == load_prompts(tmp_path / "b.csv") == ("One two", "三")
    )
    assert load_prompts(tmp_path / "aclImdb") == ("pos film", "neg film")
    # Labels of any kind may stand beside them: of a data set without any, or of stars.
    (tmp_path / "b.csv").write_text("label,text\n-1,One two\npos,三\n", "utf-8")
    (tmp_path / "c.jsonl").write_text('{"text": "One two", "label": 5}\n{"text": "三"}\n', "utf-8")
    assert (
        load_prompts(tmp_path / "b.csv") == load_prompts(tmp_path / "c.jsonl") == ("One two", "三")
    )
    (tmp_path / "a.jsonl").write_text('{"text": "One"}\n{"label": 1}\n', "utf-8")
    with pytest.raises(UsageError, match=r"a.jsonl line 2 has no text: mend"):
        load_prompts(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").write_text('{"text": "One"}\n{"text": "\\ud83d"}\n', "utf-8")
    with pytest.raises(UsageError, match=r"a.jsonl line 2 holds half a character.*: mend"):
        load_prompts(tmp_path / "a.jsonl")
