"""English: reviews, comments and tweets that people rated. All are in vaderSentiment."""

from __future__ import annotations

import html
import io
import re
import tarfile
from collections.abc import Sequence
from pathlib import Path

from hitl.corpora.download import Sdist, member, text_lines
from hitl.corpora.texts import Example, Shares, enough, part_of

VADER = Sdist(
    "vaderSentiment", "3.3.2", "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
)
_FILES = {
    "movie": "movieReviewSnippets",
    "amazon": "amazonReviewSnippets",
    "tweets": "tweets",
    "nyt": "nytEditorialSnippets",
}


def rated(path: Path, shares: Shares, lexicon: bool) -> list[Example]:
    """Sentences with the share of people who call them positive; `lexicon` adds single words."""
    root = f"{VADER.name}-{VADER.version}"
    examples: dict[str, Example] = {}
    with tarfile.open(path) as outer:
        inner = member(outer, f"{root}/additional_resources/hutto_ICWSM_2014.tar.gz")
        words = member(outer, f"{root}/vaderSentiment/vader_lexicon.txt")
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        for source, stem in _FILES.items():
            data = member(archive, f"hutto_ICWSM_2014/{stem}_anonDataRatings.txt")
            ratings = {
                row[0]: _ratings(row[3])
                for line in text_lines(data)
                if len(row := line.split("\t")) >= 4
            }
            for line in text_lines(member(archive, f"hutto_ICWSM_2014/{stem}_GroundTruth.txt")):
                row = line.split("\t")
                if len(row) < 3:
                    continue
                text = clean_en(row[2])
                if not enough(text) or text in examples:
                    continue
                people = ratings.get(row[0], [])
                mean = float(row[1])
                label = positive_share(people) if people else None
                examples[text] = Example(text, label, mean, source, part_of(text, shares))
    if lexicon:
        for line in text_lines(words):
            row = line.split("\t")
            if len(row) >= 4 and row[0] not in examples:
                people = _ratings(row[3])
                examples[row[0]] = Example(
                    row[0],
                    positive_share(people),
                    float(row[1]),
                    "lexicon",
                    part_of(row[0], shares),
                )
    return list(examples.values())


def _ratings(field: str) -> list[int]:
    return [int(number) for number in re.findall(r"-?\d+", field)]


def positive_share(ratings: Sequence[int]) -> float:
    """Share of ratings above zero, a zero counting half to each side. Empty: ValueError."""
    if not ratings:
        raise ValueError("positive_share needs at least one rating")
    return sum((rating > 0) + 0.5 * (rating == 0) for rating in ratings) / len(ratings)


def clean_en(text: str) -> str:
    """An English sentence: HTML entities and doubled quotes undone, one space between words."""
    text = html.unescape(html.unescape(text))
    text = text.replace("''", '"').replace("``", '"')
    text = text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2026: "..."})
    text = "".join(c if c.isprintable() else " " for c in text)
    return re.sub(r"\s+", " ", text).strip()
