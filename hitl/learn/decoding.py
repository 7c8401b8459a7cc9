"""One token further in every row: the step that sampling repeats.

Any model of transformers makes it by itself. GPT-2 has it made here, by the same modules in the
same order: but without what is looked up around each layer for every token, with a cache that has
room for all tokens from the start, where another would be copied at each, and with large products
made in parts (`hitl/learn/products.py`). Without large ones it comes to the same bits.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel
from transformers.models.gpt2.modeling_gpt2 import GPT2Block, GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D

from hitl.learn.products import InParts, in_parts

Further = Callable[[Tensor], Tensor]
"""Tokens (n,) that come next -> logits (n, V) of those that follow them."""


def further(model: PreTrainedModel, cache: DynamicCache, mask: Tensor | None, room: int) -> Further:
    """For rows whose tokens so far are in the cache; of left-padded ones `mask` (n, S) says which
    count. It can be called `room` times."""
    if is_plain_gpt2(model):
        return _Gpt2(model, cache, mask, room)
    return _AnyModel(model, cache, mask)


def only_last(model: PreTrainedModel) -> dict[str, int]:
    """What a model has to be told so that it makes logits of the last position alone; nothing, if
    it cannot."""
    asked = "logits_to_keep"
    return {asked: 1} if asked in inspect.signature(model.forward).parameters else {}


def told_of_padding(model: PreTrainedModel, mask: Tensor, new: int) -> dict[str, Tensor]:
    """What a model has to be told of left-padded rows, whose mask so far is (n, S): with it the
    positions of the `new` last, which some families make of the mask themselves."""
    told = {"attention_mask": mask}
    if "position_ids" in inspect.signature(model.forward).parameters:
        told["position_ids"] = (mask.cumsum(1) - 1).clamp_min(0)[:, -new:]
    return told


class _AnyModel:
    def __init__(self, model: PreTrainedModel, cache: DynamicCache, mask: Tensor | None) -> None:
        self._model = model
        self._cache = cache
        self._mask = mask

    def __call__(self, tokens: Tensor) -> Tensor:
        told: dict[str, Tensor] = {}
        if self._mask is not None:
            self._mask = torch.cat([self._mask, self._mask.new_ones(len(tokens), 1)], 1)
            told = told_of_padding(self._model, self._mask, 1)
        logits: Tensor = self._model(
            input_ids=tokens[:, None], past_key_values=self._cache, use_cache=True, **told
        ).logits
        return logits[:, -1]


def is_plain_gpt2(model: PreTrainedModel) -> TypeGuard[GPT2LMHeadModel]:
    """Whether it is a GPT-2 whose layers are no more than they seem: a model in pieces has to be
    called as a whole, or the pieces would not come together. Adapters are modules in place of
    modules."""
    return (
        type(model) is GPT2LMHeadModel
        and all(type(block) is GPT2Block for block in model.transformer.h)
        and model.config._attn_implementation == "sdpa"
        and not model.config.add_cross_attention
    )


class _Gpt2:
    """Shapes: n rows, S tokens so far, R of room, C channels, H heads of size d."""

    def __init__(
        self, model: GPT2LMHeadModel, cache: DynamicCache, mask: Tensor | None, room: int
    ) -> None:
        self._model = model
        self._so_far = cache.get_seq_length()
        # A ModuleList does not say of what, nor a cache of which kind its layers are.
        blocks: Any = model.transformer.h
        cached: Any = cache.layers
        self._layers = [
            _Layer(block, _with_room(layer.keys, room), _with_room(layer.values, room))
            for block, layer in zip(blocks, cached, strict=True)
        ]
        self._head = _few_rows(model.lm_head, len(cached[0].keys))
        self._padding = None if mask is None else (mask == 0).sum(1)  # (n,)
        self._mask = None if mask is None else F.pad(mask.bool(), (0, room), value=True)  # (n, S+R)

    def __call__(self, tokens: Tensor) -> Tensor:
        at = self._so_far
        self._so_far += 1
        transformer = self._model.transformer
        position = tokens.new_full((), at) if self._padding is None else at - self._padding
        mask = None if self._mask is None else self._mask[:, None, None, : at + 1]
        x = transformer.wte(tokens) + transformer.wpe(position)  # (n, C)
        for layer in self._layers:
            x = layer(x, at, mask)
        return self._head(transformer.ln_f(x))


class _Layer:
    """One of `_Gpt2`'s, and what it keeps of the tokens so far."""

    def __init__(self, block: Any, keys: Tensor, values: Tensor) -> None:
        """`keys` and `values` (n, H, S + R, d)"""
        self._block, self._keys, self._values = block, keys, values
        attention, mlp, n = block.attn, block.mlp, len(keys)
        self._to_heads, self._from_heads = (
            _few_rows(module, n) for module in (attention.c_attn, attention.c_proj)
        )
        self._widen, self._narrow = (_few_rows(module, n) for module in (mlp.c_fc, mlp.c_proj))

    def __call__(self, x: Tensor, at: int, mask: Tensor | None) -> Tensor:
        """x (n, C) of the token at the position `at` -> (n, C); `mask` (n, 1, 1, at + 1)."""
        block, (n, heads, _, size) = self._block, self._keys.shape
        query, key, value = self._to_heads(block.ln_1(x)).view(n, 3, heads, size).unbind(1)
        self._keys[:, :, at], self._values[:, :, at] = key, value
        heard = F.scaled_dot_product_attention(
            query[:, :, None],
            self._keys[:, :, : at + 1],
            self._values[:, :, : at + 1],
            attn_mask=mask,
            scale=block.attn.scaling,
        )
        x = self._from_heads(heard.reshape(n, -1)) + x
        return x + self._narrow(block.mlp.act(self._widen(block.ln_2(x))))


def _few_rows(module: Any, n: int) -> Callable[[Tensor], Tensor]:
    """A layer's product of n rows, made in parts where that is quicker; as the layer itself makes
    it where there is more to it, such as an adapter or bf16."""
    made: Callable[[Tensor], Tensor] = module
    if type(module) in (Conv1D, nn.Linear) and n > 1:
        m = module.weight if type(module) is Conv1D else module.weight.T
        if in_parts(m) and not torch.is_autocast_enabled(m.device.type):
            made = InParts(m, n, module.bias)
    return made


def _with_room(so_far: Tensor, room: int) -> Tensor:
    """(n, H, S, d) -> (n, H, S + R, d)"""
    n, heads, length, size = so_far.shape
    wide = so_far.new_empty(n, heads, length + room, size)
    wide[:, :, :length] = so_far
    return wide
