"""The two tokeniser families of the policies people bring: BERT's for zh, GPT-2's for en."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tokenizers import BertWordPieceTokenizer, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import BertTokenizer, GPT2Tokenizer

BERT_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
GPT2_END = "<|endoftext|>"


def bert_tokenizer(texts: Iterable[str], vocab: int, max_length: int) -> BertTokenizer:
    """Lower-cased BERT tokeniser: a token a Chinese character, WordPiece for letters and digits.

    Characters seen once become ``[UNK]``.
    """
    trained = BertWordPieceTokenizer(lowercase=True)
    trained.train_from_iterator(
        texts,
        vocab_size=vocab,
        min_frequency=2,
        limit_alphabet=vocab,
        special_tokens=BERT_TOKENS,
        show_progress=False,
    )
    # The trainer numbers equally frequent pieces at random; sorted, texts decide the ids.
    pieces = sorted(set(trained.get_vocab()) - set(BERT_TOKENS))
    ids = {piece: i for i, piece in enumerate([*BERT_TOKENS, *pieces])}
    return BertTokenizer(vocab=ids, model_max_length=max_length)


def gpt2_tokenizer(texts: Iterable[str], vocab: int, max_length: int) -> GPT2Tokenizer:
    """GPT-2's byte-level BPE with ``<|endoftext|>`` as its only special token, id 0."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    trained.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab,
            min_frequency=2,
            special_tokens=[GPT2_END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    model = json.loads(trained.to_str())["model"]
    merges: Any = [tuple(merge) for merge in model["merges"]]
    return GPT2Tokenizer(vocab=model["vocab"], merges=merges, model_max_length=max_length)
