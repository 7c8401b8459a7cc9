"""From hidden states to log-probabilities, entropies and KL, without the logits of all positions.

The logits of a batch are its largest tensor by far: they are made for the positions that are asked
about, some at a time, and let go as soon as the figures are out of them.

Shapes: B rows, T positions, N = B * T, D hidden size, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from hitl.learn.kl import full_kl
from hitl.learn.sampling import Sampling, warp

AT_ONCE = 1 << 23
"""Logits that are made at a time: 32 MiB of them."""

IN_CACHE = 1 << 18
"""Numbers that are worked through together where nothing but memory sets the pace."""

KEPT = 1 << 26
"""Probabilities kept for the way back; of more than so many the logits are made again there."""


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
    logp, kls = list[Tensor](), list[Tensor]()
    for piece in _pieces(B * T, V, AT_ONCE):
        a, b = _some(ours, piece).logits()[0], _some(other, piece).logits()[0]
        asked, kept = tokens.flatten()[piece, None], log_p[piece]
        for some in _rows(a):
            mine = warp(a[some], free).log_softmax(-1)
            theirs = told = warp(b[some], free).log_softmax(-1)
            if not how.free:
                told = warp(b[some], how, asked[some, 0]).log_softmax(-1)
            logp.append(told.gather(1, asked[some]).squeeze(1))
            kls.append(full_kl(mine, theirs))
            kept[some] = mine[: len(kept[some])]
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
    for piece in _pieces(B * T, _vocabulary(now), AT_ONCE):
        at = torch.arange(piece.start, piece.stop, device=log_p.device)
        was, a = (
            log_p[at // T, at % T],
            _some(now, piece).logits()[0],
        )  # a cut one is not copied whole
        b = None if other is None else _some(other, piece).logits()[0]
        for some in _rows(a):
            mine = warp(a[some], how).log_softmax(-1)
            away.append(full_kl(was[some], mine))
            if b is not None:
                apart.append(full_kl(mine, warp(b[some], how).log_softmax(-1)))
    return torch.cat(away).view(B, T), None if other is None else torch.cat(apart).view(B, T)


def _some(reading: Reading, piece: slice) -> Reading:
    """Some of the N positions as one row."""
    return replace(reading, states=reading.states.flatten(0, 1)[piece][None])


def _vocabulary(reading: Reading) -> int:
    return int((reading.states if reading.weight is None else reading.weight.T).shape[-1])


def _pieces(n: int, size: int, most: int) -> list[slice]:
    step = max(most // size, 1)
    return [slice(start, min(start + step, n)) for start in range(0, max(n, 1), step)]


def _rows(x: Tensor) -> list[slice]:
    """Rows of x (n, V) to work through together: on a CPU what fits into its cache, since each of
    several operations in a row would fetch all of it from memory; on a GPU all."""
    return _pieces(len(x), x.shape[1], IN_CACHE if x.device.type == "cpu" else AT_ONCE)


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
        size = (states if w is None else w.T).shape[-1]
        x = states if w is None else states.to(w.dtype)
        logp = torch.empty(len(x), dtype=_full(x[:0]).dtype, device=x.device)
        entropy = torch.empty_like(logp)
        keep = any(ctx.needs_input_grad[:2]) and x.shape[0] * size <= KEPT
        kept: list[Tensor] = []
        for piece in _pieces(len(x), size, AT_ONCE):
            log_p = _log_p(x[piece], w, tokens[piece], how)
            logp[piece] = log_p.gather(1, tokens[piece, None]).squeeze(1)
            p, entropy[piece] = _p_and_entropy(log_p)
            if keep:
                kept.append(p if w is None else p.to(w.dtype))
        ctx.save_for_backward(x, w, tokens, logp, *kept)
        ctx.how, ctx.dtypes = how, (states.dtype, None if weight is None else weight.dtype)
        ctx.mark_non_differentiable(entropy)
        return logp, entropy

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, w, tokens, logp, *kept = ctx.saved_tensors
        g = gradients[0]
        wants_x, wants_w = ctx.needs_input_grad[:2]
        size = (x if w is None else w.T).shape[-1]
        dx = torch.empty_like(x) if wants_x else None
        dw: Tensor | None = None
        for number, piece in enumerate(_pieces(len(x), size, AT_ONCE)):
            if kept:
                d = kept[number]
            else:
                p = _log_p(x[piece], w, tokens[piece], ctx.how).exp_()
                d = p if w is None else p.to(w.dtype)
            # d log p(token) / d logits = [token] - p; at the token itself in full precision
            d.mul_(-g[piece, None])
            at = g[piece] * -torch.expm1(logp[piece])
            d.scatter_(1, tokens[piece, None], at[:, None].to(d.dtype))
            if ctx.how.temperature != 1.0:
                d /= ctx.how.temperature
            if dx is not None:
                dx[piece] = d if w is None else d @ w
            if wants_w:
                part = d.T @ x[piece]
                dw = part.to(ctx.dtypes[1]) if dw is None else dw.add_(part)
        return None if dx is None else dx.to(ctx.dtypes[0]), dw, None, None, None


def _log_p(x: Tensor, w: Tensor | None, tokens: Tensor, how: Sampling) -> Tensor:
    """(n, V) log-probabilities as `tokens` (n,) were sampled from."""
    return warp(_full(x if w is None else x @ w.T), how, tokens).log_softmax(-1)


def _p_and_entropy(log_p: Tensor) -> tuple[Tensor, Tensor]:
    """(n, V) probabilities and (n,) entropies."""
    p, entropy = torch.empty_like(log_p), torch.empty_like(log_p[:, 0])
    lowest = torch.finfo(log_p.dtype).min  # for 0 * -inf would be NaN
    for rows in _rows(log_p):
        torch.exp(log_p[rows], out=p[rows])
        entropy[rows] = -torch.linalg.vecdot(p[rows], log_p[rows].clamp_min(lowest))
    return p, entropy
