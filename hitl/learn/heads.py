"""A model with one output, a text's reward, from whatever model there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hitl.learn.hub import OTHER_STARTS, loading, located
from hitl.learn.scorers import positive_label


def load_for_rewards(source: Path | str, max_tokens: int, seed: int) -> tuple[Any, Any]:
    """(model, tokeniser) of a folder or hub id, encoder or causal, with a head of one output.

    A classifier of two classes keeps what it knows: its reward is the log-odds of the positive
    class. Any other model gets a new head. Raises HitlError when there is nothing to load.
    """
    torch.manual_seed(seed)
    with loading("model", source, OTHER_STARTS):
        source = located(source)
        # No token types: GPT-2 would add them as embeddings, and one text has only one.
        tokenizer = AutoTokenizer.from_pretrained(
            source, model_input_names=["input_ids", "attention_mask"]
        )
        model: Any = AutoModelForSequenceClassification.from_pretrained(
            source,
            dtype=torch.float32,
            use_safetensors=True,
            num_labels=1,
            ignore_mismatched_sizes=True,
        )
    _keep_log_odds(model, source)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    positions = getattr(model.config, "max_position_embeddings", None) or max_tokens
    tokenizer.model_max_length = min(tokenizer.model_max_length, positions, max_tokens)
    return model, tokenizer


@torch.no_grad()
def _keep_log_odds(model: Any, source: Path | str) -> None:
    """Positive minus negative row of the head that was there before, if it had two classes."""
    before: Any = AutoModelForSequenceClassification.from_pretrained(
        source, dtype=torch.float32, use_safetensors=True
    )
    if "SequenceClassification" not in str((before.config.architectures or [""])[0]):
        return
    try:
        good = positive_label(before.config)
    except ValueError:
        return
    if good is None or before.config.num_labels != 2:
        return
    old = dict(before.named_parameters())
    for name, tensor in model.named_parameters():
        if tensor.shape[:1] == (1,) and old[name].shape == (2, *tensor.shape[1:]):
            tensor.copy_(old[name][good : good + 1] - old[name][1 - good : 2 - good])
