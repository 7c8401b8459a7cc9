"""Each token of a batch once: no padding, and what rows begin alike is not computed again.

The completions of a group share their prompt, and most rows end before the longest. A layer's
products are made of the tokens that differ, in one list; attention alone is asked row by row.
For GPT-2 on the CPU, where products are what takes the time; by the model's own modules.

Shapes: B rows of up to L tokens, N tokens that differ, T columns asked about, C channels, H heads
of size d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import GPT2LMHeadModel


@dataclass(frozen=True)
class Packing:
    """Where in the list each token of the rows is."""

    first: Tensor
    """(N,) place in the rows, B * L of them, where each token of the list stands first."""
    index: Tensor
    """(B, L) place in the list of each token of the rows; 0 for padding."""

    @classmethod
    def of(cls, ids: Tensor, mask: Tensor) -> Packing:
        """Of right-padded `ids` and `mask` (B, L). What a row shares with the one before it, from
        its beginning on, is shared."""
        same = (ids[1:] == ids[:-1]) & (mask[1:] == 1) & (mask[:-1] == 1)
        shared = F.pad(same.long().cumprod(1), (0, 0, 1, 0)).bool()  # the first row shares nothing
        own = (mask == 1) & ~shared
        rows = torch.arange(len(ids), device=ids.device)[:, None]
        told_by = torch.where(own, rows, 0).cummax(0).values  # (B, L) the row that has it first
        number = own.flatten().cumsum(0).view(own.shape) - 1
        index = number.gather(0, told_by).masked_fill(mask == 0, 0)
        return cls(own.flatten().nonzero().squeeze(1), index)


def last_hidden(
    model: GPT2LMHeadModel, ids: Tensor, mask: Tensor, columns: Tensor, *, checkpointed: bool
) -> Tensor:
    """(B, T, C) last hidden states at `columns` (B, T) of right-padded `ids` and `mask` (B, L), as
    the model makes them; of padding, those of some other token. With `checkpointed` layers the way
    back computes again what lies between them."""
    packing, transformer = Packing.of(ids, mask), model.transformer
    x = transformer.wte(ids.flatten()[packing.first])
    x = x + transformer.wpe(packing.first % ids.shape[1])
    blocks: Any = transformer.h  # a ModuleList does not say of what
    for block in blocks:
        if checkpointed:
            x = checkpoint(_layer, block, x, packing, use_reentrant=False)
        else:
            x = _layer(block, x, packing)
    asked: Tensor = transformer.ln_f(x)[packing.index.gather(1, columns)]
    return asked


def _layer(block: Any, x: Tensor, packing: Packing) -> Tensor:
    """One layer (N, C) -> (N, C)."""
    attention, (B, L) = block.attn, packing.index.shape
    of_rows = attention.c_attn(block.ln_1(x)).index_select(0, packing.index.flatten())
    query, key, value = of_rows.view(B, L, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    heard = F.scaled_dot_product_attention(
        query, key, value, is_causal=True, scale=attention.scaling
    )  # (B, H, L, d)
    heard = heard.transpose(1, 2).reshape(B * L, -1).index_select(0, packing.first)
    x = x + attention.c_proj(heard)
    made: Tensor = x + block.mlp(block.ln_2(x))
    return made
