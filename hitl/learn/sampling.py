"""Sampling completions, with the log-probability of each token under what sampled it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from hitl.learn.decoding import further, only_last, told_of_padding
from hitl.learn.keyed import generator
from hitl.learn.tokens import Codec
from hitl.records import Completion, Group, Prompt


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. The defaults restrict nothing: then the log-probabilities are the
    policy's own, which is what training wants (DESIGN 6.2)."""

    max_new_tokens: int
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    lengths: tuple[int, int] | None = None
    """Fewest and most tokens at which a completion is cut, at random; None: only at the most."""

    @property
    def free(self) -> bool:
        """Whether every token can be drawn."""
        return self.top_k == 0 and self.top_p == 1.0

    @property
    def unrestricted(self) -> Sampling:
        """The same without top-k and top-p."""
        return Sampling(self.max_new_tokens, self.temperature)


def warp(logits: Tensor, how: Sampling, keep: Tensor | None = None) -> Tensor:
    """Logits (..., V) under temperature, top-k and top-p; excluded tokens are -inf.

    `keep` (...) names a token that stays in whatever the rest: when an update recomputes the
    log-probability of a token that was sampled, a moved policy may have dropped it from its top-k.
    """
    if how.temperature != 1.0:
        logits = logits / how.temperature
    if how.free:
        return logits
    ordered, index = logits.sort(dim=-1, descending=True)
    drop = torch.zeros_like(ordered, dtype=torch.bool)
    if how.top_k:
        drop[..., how.top_k :] = True
    if how.top_p < 1.0:
        before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)
        drop |= before >= how.top_p
    drop = torch.zeros_like(drop).scatter(-1, index, drop)
    if keep is not None:
        drop = drop.scatter(-1, keep.unsqueeze(-1), False)
    return logits.masked_fill(drop, -torch.inf)


@torch.no_grad()
def sample_groups(
    model: PreTrainedModel,
    codec: Codec,
    prompts: Sequence[Prompt],
    group_size: int,
    how: Sampling,
    seed: int,
    version: int,
    on_token: Callable[[Sequence[Tensor]], None],
    agreed: Callable[[Tensor], Tensor] = lambda token: token,
) -> list[Group]:
    """k completions of each of G prompts, side by side. `on_token` is called after each step with
    the tokens so far, (G * k,) a step: the first k are the first prompt's. `agreed`: see
    `complete`.

    All uniforms of a group are drawn at once and are its own, so they depend neither on which row
    ends when nor on what else is sampled. The last bits of log-probabilities do depend on what is
    sampled along with it: products of other shapes are summed in another order.
    """
    given = [codec.encode_prompt(prompt.text, how.max_new_tokens) for prompt in prompts]
    uniforms, limits = list[Tensor](), list[int]()
    for prompt in prompts:
        key = prompt.number, prompt.attempt
        uniforms.append(
            torch.rand(
                how.max_new_tokens,
                group_size,
                generator=generator(seed, "sample", *key),
                dtype=torch.float64,
            )
        )
        limits += limits_of(how, group_size, generator(seed, "length", *key))
    completions = complete(
        model, codec, given, torch.cat(uniforms, 1), limits, how, on_token, agreed
    )
    return [
        Group(
            prompt=prompt,
            prompt_ids=ids,
            completions=completions[place * group_size : (place + 1) * group_size],
            policy_version=version,
            temperature=how.temperature,
            top_k=how.top_k,
            top_p=how.top_p,
        )
        for place, (prompt, ids) in enumerate(zip(prompts, given, strict=True))
    ]


@torch.no_grad()
def complete(
    model: PreTrainedModel,
    codec: Codec,
    prompts: Sequence[tuple[int, ...]],
    uniforms: Tensor,
    limits: Sequence[int],
    how: Sampling,
    on_token: Callable[[Sequence[Tensor]], None],
    agreed: Callable[[Tensor], Tensor] = lambda token: token,
) -> tuple[Completion, ...]:
    """k completions of each of G prompts, drawn at `uniforms` (T, G * k), fp64 on the CPU, and cut
    at `limits` (G * k,) tokens. A prompt is run once, and its cache shared out. `agreed` puts what
    all processes go on with in the place of the tokens that this one has drawn, (G * k,): where
    they go forward together, one bit elsewhere must not end one of them before the others."""
    device = next(model.parameters()).device
    uniforms, n = uniforms.to(device), uniforms.shape[1]
    k = n // len(prompts)
    cache = DynamicCache(config=model.config)
    ids, mask = (part.to(device) for part in _left_padded(prompts, codec.pad_id))
    padded = not bool(mask.all())
    told = told_of_padding(model, mask, ids.shape[1]) if padded else {}
    output = model(input_ids=ids, past_key_values=cache, use_cache=True, **only_last(model), **told)
    cache.batch_repeat_interleave(k)
    mask = mask.repeat_interleave(k, 0)
    logits = output.logits[:, -1].float().repeat_interleave(k, 0)
    step_further = further(model, cache, mask if padded else None, max(limits) - 1)
    last = torch.tensor(limits, device=device)  # (n,)
    ended = torch.zeros(n, dtype=torch.bool, device=device)
    tokens: list[Tensor] = []
    logprobs: list[Tensor] = []
    for step in range(max(limits)):
        log_p = warp(logits, how).log_softmax(-1)  # (n, V)
        token = agreed(draw(log_p, uniforms[step]))  # (n,)
        tokens.append(token)
        logprobs.append(log_p.gather(-1, token[:, None]).squeeze(-1))
        ended |= (token == codec.eos_id) | (step + 1 >= last)
        on_token(tokens)
        if step + 1 == max(limits) or bool(ended.all()):
            break
        logits = step_further(token).float()
    rows = zip(torch.stack(tokens, 1).tolist(), torch.stack(logprobs, 1).tolist(), strict=True)
    return tuple(
        _completion(codec, row[:limit], logp[:limit])
        for (row, logp), limit in zip(rows, limits, strict=True)
    )


def _left_padded(prompts: Sequence[tuple[int, ...]], pad_id: int) -> tuple[Tensor, Tensor]:
    """(G, P) ids, and mask: 0 on the padding."""
    P = max(len(ids) for ids in prompts)
    rows = [(pad_id,) * (P - len(ids)) + ids for ids in prompts]
    mask = [[0] * (P - len(ids)) + [1] * len(ids) for ids in prompts]
    return torch.tensor(rows), torch.tensor(mask)


def limits_of(how: Sampling, group_size: int, chance: torch.Generator) -> list[int]:
    """(k,) tokens at which each completion is cut."""
    if how.lengths is None:
        return [how.max_new_tokens] * group_size
    low, high = how.lengths
    drawn: list[int] = torch.randint(low, high + 1, (group_size,), generator=chance).tolist()
    return drawn


def shortened(codec: Codec, prompt: Prompt, lengths: tuple[int, int], seed: int) -> Prompt:
    """A prompt of which only a random number of its first tokens is left: the same number for the
    same group of a run, whichever policy goes on from it."""
    low, high = lengths
    chance = generator(seed, "query", prompt.number)
    count = int(torch.randint(low, high + 1, (1,), generator=chance))
    return dataclasses.replace(prompt, text=codec.head(prompt.text, count))


def draw(log_p: Tensor, uniform: Tensor) -> Tensor:
    """Tokens (k,) by inverting the distribution function of log_p (k, V) at uniform (k,) in
    [0, 1): in fp64, scaled by the total, so that a token of probability 0 is never drawn."""
    # In place: of a large vocabulary, memory that is new at each token takes longer than the sum.
    cumulative = log_p.double().exp_().cumsum_(-1)
    target = uniform[:, None] * cumulative[:, -1:]
    token = torch.searchsorted(cumulative, target, right=True).squeeze(-1)
    return token.clamp_max(log_p.shape[-1] - 1)  # the product above may round up to the total


def partial_texts(codec: Codec, tokens: Sequence[Tensor]) -> tuple[str, ...]:
    """What k unfinished completions say so far; `tokens` is (k,) a step. Half a character at the
    end waits for its other half."""
    rows: list[list[int]] = torch.stack(list(tokens), 1).tolist()
    return tuple(
        codec.decode(row[: row.index(codec.eos_id)] if codec.eos_id in row else row).rstrip(
            "\ufffd"
        )
        for row in rows
    )


def _completion(codec: Codec, ids: list[int], logprobs: list[float]) -> Completion:
    finished = codec.eos_id in ids
    length = ids.index(codec.eos_id) + 1 if finished else len(ids)
    return Completion(
        text=codec.decode(ids[: length - 1] if finished else ids),
        token_ids=tuple(ids[:length]),
        logprobs=tuple(logprobs[:length]),
        finished=finished,
    )
