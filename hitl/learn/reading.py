"""From hidden states to log-probabilities, entropies and KL, without the logits of all positions.

The logits of a batch are its largest tensor by far: they are made for the positions that are asked
about, some at a time, and let go as soon as the figures are out of them.

Shapes: B rows, T positions, N = B * T, D hidden size, V vocabulary.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from hitl.learn.kl import full_kl
from hitl.learn.products import InParts, Whole, in_parts
from hitl.learn.sampling import Sampling, warp

AT_ONCE = 1 << 22
"""Logits that are made at a time: 16 MiB of them."""

IN_CACHE = 1 << 18
"""Numbers that are worked through together where nothing but memory sets the pace."""

KEPT = 1 << 26
"""Probabilities kept for the way back; of more than so many the logits are made again there."""

REMADE = 1 << 24
"""Of those made again, how many at a time."""


@dataclass(frozen=True)
class Reading:
    """What a model made of some positions: all that its head needs to tell the next token."""

    states: Tensor
    """(B, T, D) last hidden states; (B, T, V) logits where `weight` is None."""
    weight: Tensor | None
    """(V, D) of the head. The model's own: it moves with it. None for a head that is more than a
    product, whose logits are there already."""
    cast: Tensor | None
    """(V, D) the weight in what the product is made in, without a way back."""

    @classmethod
    def of(cls, states: Tensor, weight: Tensor | None, compute: torch.dtype) -> Reading:
        """Of what a model says, whose head's `weight` is cast once for all that is asked of it."""
        return cls(states, weight, None if weight is None else weight.detach().to(compute))

    def rows(self, index: Tensor | slice, width: int) -> Reading:
        """The rows `index`, their first `width` positions."""
        return replace(self, states=self.states[index, :width])

    def detached(self) -> Reading:
        """The same without a way back."""
        return replace(self, states=self.states.detach(), weight=self.cast)

    def logits(self) -> Tensor:
        """(B, T, V), fp32 or better."""
        if self.weight is None or self.cast is None:
            return _full(self.states)
        compute = self.cast.dtype
        back = torch.is_grad_enabled() and self.weight.requires_grad
        return _full(self.states.to(compute) @ (self.weight.to(compute) if back else self.cast).T)

    def log_p(self, how: Sampling, keep: Tensor | None = None) -> Tensor:
        """(B, T, V) whole distributions under temperature, top-k and top-p; see `warp`."""
        return warp(self.logits(), how, keep).log_softmax(-1)


def token_logp(reading: Reading, tokens: Tensor, how: Sampling) -> tuple[Tensor, Tensor]:
    """(B, T) log-probability of `tokens` (B, T) and entropy of the distribution; only the first
    has a gradient."""
    logp, entropy = _TokenLogp.apply(  # type: ignore[no-untyped-call]
        reading.states.flatten(0, 1), reading.weight, reading.cast, tokens.flatten(), how
    )
    return logp.view(tokens.shape), entropy.view(tokens.shape)


@dataclass(frozen=True)
class Compared:
    """A model and another at the same positions."""

    other_logp: Tensor
    """(B, T) of the tokens, by the other."""
    kl: Tensor
    """(B, T) of each position's distribution to the other's, exact, nats."""
    log_p: Tensor
    """(b, T, V) the model's own distributions at the first rows."""


@torch.no_grad()
def compared(ours: Reading, other: Reading, tokens: Tensor, how: Sampling, rows: int) -> Compared:
    """All that is asked of both, from logits that are made once. `tokens` (B, T) are told as they
    were sampled; whole distributions are without top-k and top-p, and kept of the first `rows`."""
    B, T = tokens.shape
    V, free = _vocabulary(ours), how.unrestricted
    log_p = ours.states.new_empty(min(rows, B) * T, V, dtype=_full(ours.states[:0]).dtype)
    logp, kls, asked = list[Tensor](), list[Tensor](), tokens.flatten()
    for (some, a), (_, b) in zip(_logits_of(ours), _logits_of(other), strict=True):
        mine, theirs = (warp(logits, free).log_softmax(-1) for logits in (a, b))
        told = theirs if how.free else _log_p(b, asked[some], how)
        logp.append(told.gather(1, asked[some, None]).squeeze(1))
        kls.append(full_kl(mine, theirs))
        kept = log_p[some]
        kept.copy_(mine[: len(kept)])
    return Compared(
        torch.cat(logp).view(B, T), torch.cat(kls).view(B, T), log_p.view(min(rows, B), T, V)
    )


@torch.no_grad()
def moved(
    log_p: Tensor, now: Reading, other: Reading | None, how: Sampling
) -> tuple[Tensor, Tensor | None]:
    """(B, T) KL of distributions `log_p` (B, T, V) to those of a model now, and of these to
    another's if there is one, nats."""
    B, T = now.states.shape[:2]
    away, apart = list[Tensor](), list[Tensor]()
    others = itertools.repeat(None) if other is None else _logits_of(other)
    for (some, a), theirs in zip(_logits_of(now), others, strict=False):
        at = torch.arange(some.start, some.stop, device=log_p.device)
        was = log_p[at // T, at % T]  # a cut one is not copied whole
        mine = warp(a, how).log_softmax(-1)
        away.append(full_kl(was, mine))
        if theirs is not None:
            apart.append(full_kl(mine, warp(theirs[1], how).log_softmax(-1)))
    return torch.cat(away).view(B, T), None if other is None else torch.cat(apart).view(B, T)


def _logits_of(reading: Reading) -> Iterator[tuple[slice, Tensor]]:
    """All positions of a reading, a few at a time; see `_logits`."""
    x, w = reading.states.flatten(0, 1), reading.cast
    return _logits(x if w is None else x.to(w.dtype), w)


def _logits(x: Tensor, w: Tensor | None) -> Iterator[tuple[slice, Tensor]]:
    """Which of the N positions, and their logits (r, V), fp32 or better: of last hidden states x
    (N, D) and the head's w (V, D), of one type, or, where there is none, of logits x (N, V).

    Products are made of many positions; what comes are as many as are to be worked through
    together: on a CPU what fits into its cache, since each of several operations in a row would
    fetch all of it from memory.
    """
    size = (x if w is None else w.T).shape[-1]
    product = None if w is None else _product(w.T, min(len(x), max(AT_ONCE // size, 1)))
    for piece in _pieces(len(x), size, AT_ONCE):
        made = x[piece]
        if product is not None:
            product.make(made)
        for some in _pieces(len(made), size, IN_CACHE if x.device.type == "cpu" else AT_ONCE):
            logits = made[some] if product is None else product.rows(some)
            yield slice(piece.start + some.start, piece.start + some.stop), _full(logits)


def _product(m: Tensor, most: int) -> InParts | Whole:
    return InParts(m, most) if in_parts(m) else Whole(m, most)


def _vocabulary(reading: Reading) -> int:
    return int((reading.states if reading.weight is None else reading.weight.T).shape[-1])


def _pieces(n: int, size: int, most: int) -> list[slice]:
    step = max(most // size, 1)
    return [slice(start, min(start + step, n)) for start in range(0, max(n, 1), step)]


def _full(x: Tensor) -> Tensor:
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


class _TokenLogp(torch.autograd.Function):
    """log-softmax, gather and entropy of a product, piece by piece.

    The way back needs the probabilities and nothing else: they are kept in the precision of the
    product, which is what they are multiplied in again, or made again.
    """

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        weight: Tensor | None,
        w: Tensor | None,
        tokens: Tensor,
        how: Sampling,
    ) -> tuple[Tensor, Tensor]:
        x = states if w is None else states.to(w.dtype)
        size = (x if w is None else w.T).shape[-1]
        logp = torch.empty(len(x), dtype=_full(x[:0]).dtype, device=x.device)
        entropy = torch.empty_like(logp)
        keep = any(ctx.needs_input_grad[:2]) and len(x) * size <= KEPT
        kept = x.new_empty(len(x), size) if keep else None
        for some, logits in _logits(x, w):
            log_p = _log_p(logits, tokens[some], how)
            logp[some] = log_p.gather(1, tokens[some, None]).squeeze(1)
            p = log_p.exp()
            entropy[some] = _entropy(p, log_p)
            if kept is not None:
                kept[some] = p
        ctx.save_for_backward(x, w, tokens, logp, kept)
        ctx.how, ctx.dtypes = how, (states.dtype, None if weight is None else weight.dtype)
        ctx.mark_non_differentiable(entropy)
        return logp, entropy

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, w, tokens, logp, kept = ctx.saved_tensors
        g = gradients[0]
        wants_x, wants_w = ctx.needs_input_grad[:2]
        size = (x if w is None else w.T).shape[-1]
        dx = torch.empty_like(x) if wants_x else None
        dw: Tensor | None = None
        for piece in _pieces(len(x), size, len(x) * size if kept is not None else REMADE):
            if kept is not None:
                d = kept[piece]
            else:
                d = x.new_empty(piece.stop - piece.start, size)
                for some, logits in _logits(x[piece], w):
                    d[some] = _log_p(logits, tokens[piece][some], ctx.how).exp_()
            # d log p(token) / d logits = [token] - p; at the token itself in full precision
            d.mul_(-g[piece, None])
            at = g[piece] * -torch.expm1(logp[piece])
            d.scatter_(1, tokens[piece, None], at[:, None].to(d.dtype))
            if ctx.how.temperature != 1.0:
                d /= ctx.how.temperature
            if dx is not None:
                dx[piece] = d if w is None else d @ w
            if wants_w:
                dw = _plus_product(dw, d.T, x[piece], ctx.dtypes[1])
        return None if dx is None else dx.to(ctx.dtypes[0]), dw, None, None, None


def _log_p(logits: Tensor, tokens: Tensor, how: Sampling) -> Tensor:
    """(n, V) log-probabilities as `tokens` (n,) were sampled from."""
    return warp(logits, how, tokens).log_softmax(-1)


def _entropy(p: Tensor, log_p: Tensor) -> Tensor:
    """(n,) of (n, V)."""
    lowest = torch.finfo(log_p.dtype).min  # for 0 * -inf would be NaN
    summed: Tensor = torch.linalg.vecdot(p, log_p.clamp_min(lowest))
    return -summed


def _plus_product(total: Tensor | None, a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """total + a @ b, in the total's memory if there is one."""
    if total is None:
        return (a @ b).to(dtype)
    return total.addmm_(a, b) if total.dtype == a.dtype else total.add_(a @ b)
