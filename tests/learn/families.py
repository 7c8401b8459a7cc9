"""Tiny random models of the families people bring, as folders with a tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from hitl.learn.tokenizers import bert_tokenizer, gpt2_tokenizer

CONTEXT = 40
EN = ["the film was good and the room was bad", "a good book, a bad screen, the hotel was fine"]
ZH = ["这部电影很好，酒店很差", "房间很好，这本书太差了，电影很差"]

Make = Callable[[int], PreTrainedModel]
"""From the size of the vocabulary."""


def _gpt2(vocab: int) -> PreTrainedModel:
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocab, n_positions=CONTEXT, n_embd=16, n_layer=2, n_head=2,
            initializer_range=0.2,
        )
    )  # fmt: skip


def _like_llama(config: type, model: type, tied: bool) -> Make:
    def make(vocab: int) -> PreTrainedModel:
        return model(
            config(
                vocab_size=vocab, max_position_embeddings=CONTEXT, hidden_size=16,
                intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
                num_key_value_heads=1, head_dim=8, tie_word_embeddings=tied, initializer_range=0.2,
                bos_token_id=0, eos_token_id=0,
            )
        )  # fmt: skip

    return make


def _bloom(vocab: int) -> PreTrainedModel:
    """ALiBi: takes no positions, and calls its context something else."""
    return BloomForCausalLM(
        BloomConfig(
            vocab_size=vocab, seq_length=CONTEXT, hidden_size=16, n_layer=2, n_head=2,
            initializer_range=0.2, bos_token_id=0, eos_token_id=0, pad_token_id=0,
        )
    )  # fmt: skip


FAMILIES: Mapping[str, tuple[str, Make]] = {
    "gpt2-bpe": ("en", _gpt2),
    "gpt2-bert": ("zh", _gpt2),
    "llama-untied": ("en", _like_llama(LlamaConfig, LlamaForCausalLM, tied=False)),
    "llama-tied-bert": ("zh", _like_llama(LlamaConfig, LlamaForCausalLM, tied=True)),
    "qwen2-tied": ("en", _like_llama(Qwen2Config, Qwen2ForCausalLM, tied=True)),
    "qwen3-untied": ("en", _like_llama(Qwen3Config, Qwen3ForCausalLM, tied=False)),
    "bloom": ("en", _bloom),
}


def save_family(name: str, folder: Path) -> Path:
    """Writes the model and tokenizer `name` into `folder`, the same each time."""
    lang, make = FAMILIES[name]
    tokenizer = (
        bert_tokenizer(ZH * 2, 60, CONTEXT) if lang == "zh" else gpt2_tokenizer(EN * 2, 300, 10**30)
    )
    torch.manual_seed(3)
    make(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def prompt_of(name: str) -> str:
    return "电影很" if FAMILIES[name][0] == "zh" else "the film was"
