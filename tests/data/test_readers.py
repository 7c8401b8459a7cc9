"""Every reader of a user's file: what it takes, what it refuses and with which line number."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hitl.data.labelled import Labelled, labelled_texts
from hitl.data.preferences import preference_pairs
from hitl.data.ranked import Ranked, pairs
from hitl.data.ranklists import rank_lists
from hitl.data.rows import Account, BadRow, DataError
from hitl.data.writings import writings
from hitl.scale import Scale

Reader = Callable[[Path, Account], Iterator[Any]]
READERS: tuple[tuple[Reader, str], ...] = (
    (rank_lists, "a.tsv"),
    (preference_pairs, "a.jsonl"),
    (labelled_texts, "a.csv"),
    (labelled_texts, "b.jsonl"),
    (writings, "c.txt"),
    (writings, "b.jsonl"),
)
GOOD = {"a.tsv": "好\t坏\n", "a.jsonl": '{"chosen": "好", "rejected": "坏"}\n',
        "a.csv": "text,label\n好,1\n", "b.jsonl": '{"text": "好"}\n', "c.txt": "好\n"}  # fmt: skip


def read(reader: Reader, path: Path, content: str | bytes) -> tuple[list[Any], Account]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    account = Account(path)
    return list(reader(path, account)), account


# --- what all have in common --------------------------------------------------------------------


@pytest.mark.parametrize(("reader", "name"), READERS)
def test_a_byte_order_mark_and_windows_line_ends_change_nothing(
    tmp_path: Path, reader: Reader, name: str
) -> None:
    plain, _ = read(reader, tmp_path / name, GOOD[name])
    marked = b"\xef\xbb\xbf" + GOOD[name].replace("\n", "\r\n").encode()
    assert read(reader, tmp_path / name, marked)[0] == plain and len(plain) == 1


@pytest.mark.parametrize(("reader", "name"), READERS)
def test_a_line_in_another_encoding_is_a_bad_row(tmp_path: Path, reader: Reader, name: str) -> None:
    # A file pasted together of two: the second half is GB18030.
    rows, account = read(
        reader, tmp_path / name, GOOD[name].encode() + GOOD[name].encode("gb18030")
    )
    assert rows
    bad = [row for row in account.shown if row.why == "is not UTF-8"]
    assert [row.line for row in bad] == [GOOD[name].count("\n") * 2]
    with pytest.raises(DataError, match=r"line \d is not UTF-8.*--bad-rows skip"):
        account.settle("refuse")
    account.settle("skip")
    assert any("is not UTF-8" in line for line in account.lines())


@pytest.mark.parametrize(("reader", "name"), READERS)
def test_an_empty_file_is_no_data(tmp_path: Path, reader: Reader, name: str) -> None:
    for content in (b"", b"\n \n"):
        if name != "a.csv" or not content:
            _, account = read(reader, tmp_path / name, content)
            with pytest.raises(DataError, match="empty"):
                account.settle("skip")


@pytest.mark.parametrize(("reader", "name"), READERS)
def test_utf16_and_a_missing_file_are_named(tmp_path: Path, reader: Reader, name: str) -> None:
    with pytest.raises(DataError, match="UTF-16"):
        read(reader, tmp_path / name, GOOD[name].encode("utf-16"))
    missing = tmp_path / "none" / name
    with pytest.raises(DataError, match="no file"):
        list(reader(missing, Account(missing)))


def test_many_bad_rows_are_counted_and_the_first_told(tmp_path: Path) -> None:
    _, account = read(rank_lists, tmp_path / "a.tsv", "one\n" * 1000 + "a\tb\n")
    assert (account.good, account.bad) == (1, 1000)
    assert account.shown[0] == BadRow(1, "has fewer than two different texts between tabs")
    assert account.lines()[-1].endswith("995 more bad rows")
    with pytest.raises(DataError, match="1,000 bad rows of 1,001") as error:
        account.settle("refuse")
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="none of its 2 rows can be used"):
        read(rank_lists, tmp_path / "a.tsv", "one\ntwo\n")[1].settle("skip")


def test_a_line_of_megabytes_is_refused_unread(tmp_path: Path) -> None:
    rows, account = read(rank_lists, tmp_path / "a.tsv", "x" * (5 << 20) + "\ty\na\tb\n")
    assert rows == [Ranked("", (("a",), ("b",)))]
    assert account.shown == [BadRow(1, "is longer than 4 MB")]


MEASURE = """
import re, sys
from pathlib import Path
from hitl.data.labelled import labelled_texts
from hitl.data.preferences import preference_pairs
from hitl.data.ranklists import rank_lists
from hitl.data.rows import Account

reader = {"tsv": rank_lists, "jsonl": preference_pairs, "csv": labelled_texts}[sys.argv[2]]
path = Path(sys.argv[1])
account = Account(path)
count = sum(1 for _ in reader(path, account))
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
print(count, account.bad, peak // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["tsv", "jsonl", "csv"])
def test_100_megabytes_stream_through_40(tmp_path: Path, suffix: str) -> None:
    text = "这家酒店的房间很干净，" * 30  # 990 bytes
    one = {
        "tsv": f"{text}1\t{text}2\n",
        "csv": f'"{text}",1\n',
        "jsonl": json.dumps({"chosen": text, "rejected": "不"}, ensure_ascii=False) + "\n",
    }
    row = one[suffix].encode()
    times = 100_000_000 // len(row)
    path = tmp_path / f"a.{suffix}"
    with path.open("wb") as file:
        file.write(b"text,label\n" if suffix == "csv" else b"")
        for _ in range(times // 100):
            file.write(row * 100)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), suffix], capture_output=True, text=True,
        cwd=Path(__file__).parents[2], check=True,
    )  # fmt: skip
    count, bad, megabytes = map(int, done.stdout.split())
    assert (count, bad) == (times // 100 * 100, 0)
    assert megabytes < 40


# --- JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", [preference_pairs, labelled_texts, writings])
@pytest.mark.parametrize(
    "halved",
    [
        r'{"text": "\ud83d", "chosen": "a", "rejected": "b"}',
        r'{"text": "a", "chosen": "\uDE00 a", "rejected": "b"}',
        r'{"text": "a", "chosen": [{"content": "\ud83d"}], "rejected": [{"content": "b"}]}',
        r'{"text": "a", "chosen": "a", "rejected": "b", "\ud83d": 1}',
    ],
)
def test_half_a_character_is_a_bad_row(tmp_path: Path, reader: Reader, halved: str) -> None:
    # Both halves together are a character; behind a backslash, what looks like half of one is none.
    whole = r'{"text": "\ud83d\ude00", "chosen": "\u597d", "rejected": "\\ud83d"}'
    rows, account = read(reader, tmp_path / "a.jsonl", f"{whole}\n{halved}\n")
    assert len(rows) == 1 and account.good == 1
    assert account.shown == [BadRow(2, r"holds half a character (\ud800 to \udfff, alone)")]


def test_a_number_of_thousands_of_digits_is_a_bad_row(tmp_path: Path) -> None:
    content = f'{{"text": "a", "label": {"9" * 5000}}}\n{{"text": "b", "label": {"9" * 400}}}\n'
    rows, account = read(labelled_texts, tmp_path / "a.jsonl", content)
    assert rows == []
    assert account.shown[0] == BadRow(1, "has a number of too many digits")
    assert "a label is 0 (negative) to 1" in account.shown[1].why


# --- rank lists ---------------------------------------------------------------------------------


def test_rank_lists_of_any_length_keep_their_texts(tmp_path: Path) -> None:
    content = "1. 很 好\t2. 一 般\t3. 差\n第二，\t第三\n"
    rows, account = read(rank_lists, tmp_path / "a.tsv", content)
    assert [row.texts for row in rows] == [
        (("1. 很 好",), ("2. 一 般",), ("3. 差",)),
        (("第二，",), ("第三",)),
    ]
    assert (account.good, account.bad) == (2, 0)
    assert list(pairs(rows[0].tiers)) == [
        ("1. 很 好", "2. 一 般"), ("1. 很 好", "3. 差"), ("2. 一 般", "3. 差"),
    ]  # fmt: skip


def test_a_text_is_not_better_than_itself(tmp_path: Path) -> None:
    rows, account = read(rank_lists, tmp_path / "a.tsv", "a\tb\ta\t\tc\na\ta\n")
    assert [row.tiers for row in rows] == [(("a",), ("b",), ("c",))]
    assert account.shown == [BadRow(2, "has fewer than two different texts between tabs")]


# --- preferences --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "ranked"),
    [
        ({"prompt": "P", "chosen": "a", "rejected": "b"}, Ranked("P", (("a",), ("b",)))),
        ({"chosen": "Pa", "rejected": "Pb"}, Ranked("", (("Pa",), ("Pb",)))),
        (
            {"system": "", "history": [], "question": "问", "response_chosen": "答",
             "response_rejected": "不"},
            Ranked("问\n", (("答",), ("不",))),
        ),
        (
            {"system": "S", "history": [["q", "r"]], "question": "问", "response_chosen": "答",
             "response_rejected": "不"},
            Ranked("S\nq\nr\n问\n", (("答",), ("不",))),
        ),
        (
            {"prompt": [{"role": "user", "content": "问"}],
             "chosen": [{"role": "assistant", "content": "答"}],
             "rejected": [{"role": "assistant", "content": "不"}]},
            Ranked("问\n", (("答",), ("不",))),
        ),
        (
            {"chosen": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}],
             "rejected": [{"role": "user", "content": "问"},
                          {"role": "assistant", "content": "不"}]},
            Ranked("问\n", (("答",), ("不",))),
        ),
    ],
)  # fmt: skip
def test_preferences_by_the_names_of_the_field(
    tmp_path: Path, row: dict[str, Any], ranked: Ranked
) -> None:
    rows, _ = read(preference_pairs, tmp_path / "a.jsonl", json.dumps(row))
    assert rows == [ranked]


def test_rows_without_a_preference_are_named(tmp_path: Path) -> None:
    content = '{"text": "x"}\n{"chosen": 1, "rejected": "b"}\n{"chosen": " ", "rejected": "b"}\n'
    content += '{"chosen": "b", "rejected": "b"}\n{"chosen"\n'
    rows, account = read(preference_pairs, tmp_path / "a.jsonl", content)
    assert rows == []
    for row, why in zip(
        account.shown,
        ("has neither", "a chosen that is neither", "empty text", "the same text", "not JSON"),
        strict=True,
    ):
        assert why in row.why


@pytest.mark.parametrize("history", [1, "before", {"q": "r"}, True])
def test_a_history_that_is_no_list_is_a_bad_row(tmp_path: Path, history: Any) -> None:
    row = {"question": "问", "response_chosen": "答", "response_rejected": "不", "history": history}
    rows, account = read(preference_pairs, tmp_path / "a.jsonl", json.dumps(row))
    assert rows == []
    assert account.shown == [BadRow(1, "has a history that is no list of question and answer")]


@pytest.mark.parametrize("history", [None, "", []])
def test_no_history_may_be_written_in_any_way(tmp_path: Path, history: Any) -> None:
    row = {"question": "问", "response_chosen": "答", "response_rejected": "不", "history": history}
    rows, _ = read(preference_pairs, tmp_path / "a.jsonl", json.dumps(row))
    assert rows == [Ranked("问\n", (("答",), ("不",)))]


# --- labelled texts -----------------------------------------------------------------------------


def test_labels_of_any_range_come_to_0_to_1(tmp_path: Path) -> None:
    def stars(path: Path, account: Account) -> Iterator[Labelled]:
        return labelled_texts(path, account, Scale(1, 5))

    rows, account = read(stars, tmp_path / "a.csv", 'text,label\n"a, b",1\nc,4\nd,6\ne,\n')
    assert rows == [Labelled("a, b", 0.0), Labelled("c", 0.75), Labelled("e", None)]
    assert account.shown == [BadRow(4, "has label '6': a label is 1 to 5")]


def test_a_quote_left_open_is_a_bad_row_not_the_whole_file(tmp_path: Path) -> None:
    rows, account = read(
        labelled_texts, tmp_path / "a.csv", 'text,label\n"open,1\n' + "good,1\n" * 50_000
    )
    assert account.bad >= 1 and "quote left open" in account.shown[0].why
    assert len(rows) > 25_000


def test_wrong_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'text' \(its header is review, stars\)"):
        read(labelled_texts, tmp_path / "a.csv", "review,stars\nx,1\n")


def test_review_folders(tmp_path: Path) -> None:
    for name, content in (("pos/1_9.txt", "good<br />film"), ("neg/2_1.txt", "bad")):
        file = tmp_path / "train" / name
        file.parent.mkdir(parents=True)
        file.write_text(content)
    (tmp_path / "train/neg/3_1.txt").write_bytes("é".encode("latin-1"))
    account = Account(tmp_path)
    rows = list(labelled_texts(tmp_path, account))
    assert rows == [Labelled("good film", 1.0), Labelled("bad", 0.0)]
    assert account.shown == [BadRow(3, "(3_1.txt) is not UTF-8")]
    with pytest.raises(DataError, match="without pos and neg"):
        list(labelled_texts(tmp_path / "train" / "pos", account))
