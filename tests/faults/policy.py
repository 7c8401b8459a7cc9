"""A real GPT-2 of 2 layers × 16 with random weights: an update of it takes milliseconds."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from hitl.learn.tokenizers import gpt2_tokenizer

WORDS = ("the", "a", "film", "food", "was", "is", "very", "good", "bad", "warm", "slow", "and")
PROMPTS = ("the film was", "a good", "the food is", "very slow and", "bad")


def write_policy(folder: Path) -> Path:
    """The folder `policy` in `folder`, as save_pretrained writes it."""
    tokenizer = gpt2_tokenizer([" ".join(WORDS)] * 3, 280, 48)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=48, n_embd=16, n_layer=2, n_head=2,
        bos_token_id=0, eos_token_id=0, initializer_range=0.2,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder / "policy")
    tokenizer.save_pretrained(folder / "policy")
    return folder / "policy"


def write_prompts(folder: Path) -> Path:
    """A prompt file beside it."""
    path = folder / "prompts.txt"
    path.write_text("\n".join(PROMPTS) + "\n", encoding="utf-8")
    return path
