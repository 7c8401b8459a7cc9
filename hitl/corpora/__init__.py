"""Training texts: named public corpora and the user's own files, cleaned and split. Nothing here
needs torch."""

from hitl.corpora.load import NAMED, load_corpus
from hitl.corpora.texts import PARTS, CorpusError, Example, Part, Shares

__all__ = ["NAMED", "PARTS", "CorpusError", "Example", "Part", "Shares", "load_corpus"]
