"""More steps from the same labels: the policy writes, a reward model of the labels judges.

Part of a numbered update, after the step on the operator's own labels, and a function of those
consumed so far, the number and the run's seed; so a run with it resumes and replays like any other.
The operator's labels are learned from as they are: the model judges only texts nobody has read.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hitl.config.ppo import PPOConfig
from hitl.learn.expected import Expected
from hitl.learn.features import DEPTHS, features
from hitl.learn.guards import Usual, penalties
from hitl.learn.judge import FEWEST_GROUPS, Judge, Scale, accuracy, fit
from hitl.learn.keyed import generator
from hitl.learn.labels import Labels
from hitl.learn.policy import LanguageModel, Policy
from hitl.learn.rollout import Rollout, rollout_of
from hitl.learn.sampling import Sampling, complete, limits_of
from hitl.learn.share import ALONE, Share
from hitl.learn.step import ppo_step
from hitl.learn.tokens import Codec
from hitl.records import Completion, Group, LabelledGroup, Mode, Prompt

BASE_BATCHES = 2
"""Batches of the base policy's completions that rewards and guards are measured against."""


@dataclass(frozen=True)
class Learner:
    """What a step needs besides a batch, and how it is made."""

    policy: Policy
    reference: LanguageModel
    optimizer: torch.optim.Optimizer
    codec: Codec
    how: Sampling
    config: PPOConfig
    share: Share = ALONE


@dataclass(frozen=True)
class Amplified:
    """What came of it."""

    accuracy: float | None
    """Of the reward model on pairs it was not fitted to; None where that cannot be told yet."""
    texts: int
    """Completions it judged and the policy learned from; 0 where it was not good enough."""
    steps: int
    """It made on them."""
    kl_coef: float
    kl_estimate: float | None


def amplify(
    learner: Learner,
    labels: Labels,
    seed: int,
    number: int,
    kl_coef: float,
    kl_estimate: float | None,
    on_step: Callable[[int, int], None],
    enough: Callable[[int], bool],
) -> Amplified:
    """The further steps of update `number` on what `labels` say; `kl_coef` and `kl_estimate` are
    what the step before left. `on_step` is told the steps done, of how many, from 0 on, and in the
    end that all are; `enough` is asked after each, by how many were made, whether it was the last.

    Raises NonFiniteUpdateError; the weights may then have moved, and are the caller's to restore.
    """
    config, micro = learner.config, learner.config.micro_batch_size
    key = (seed, "amplify", number)
    none = Amplified(None, 0, 0, kl_coef, kl_estimate)
    if len(labels.groups) < FEWEST_GROUPS:
        return none
    steps = config.amplify_updates
    on_step(0, steps)
    base = [
        _written(learner, learner.reference, labels, (*key, "base", place))
        for place in range(BASE_BATCHES)
    ]
    share = learner.share
    base_features = torch.cat([features(learner.reference, b, micro, share) for b in base])
    scale = Scale.of(base_features, len(DEPTHS))
    right = accuracy(labels, scale)
    if right is None or right < config.amplify_gate:
        on_step(steps, steps)
        return dataclasses.replace(none, accuracy=right)
    judge = fit(labels, base_features, scale, generator(*key, "heads"))
    usual = Usual.of([_ids(batch) for batch in base])
    batches, length, further = list[list[tuple[int, ...]]](), 1.0, _further(config)
    for place in range(steps):
        written = _written(learner, learner.policy, labels, (*key, place))
        ids = _ids(written)
        rewards = _liked(learner, judge, written) - penalties(ids, usual, batches)
        batches.append(ids)
        rollout = dataclasses.replace(written, score=rewards.to(written.score))
        result = ppo_step(
            learner.policy,
            learner.reference,
            learner.optimizer,
            rollout,
            learner.how,
            further,
            kl_coef,
            kl_estimate,
            Expected(rollout.score.mean().expand_as(rollout.score), torch.ones_like(rollout.score)),
            functools.partial(_order, len(rollout.ids), (*key, place, "order")),
            lambda done, total: None,
            share,
            length=length,
        )
        kl_coef, kl_estimate = result.kl_coef, result.kl_estimate
        length = result.outcome.next_length
        last = enough(place + 1)
        on_step(steps if last else place + 1, steps)
        if last:
            break
    return Amplified(right, sum(map(len, batches)), len(batches), kl_coef, kl_estimate)


def _further(config: PPOConfig) -> PPOConfig:
    """The numbers of the further steps: all together may go as far as the one on the operator's own
    labels."""
    stop_kl = None if config.stop_kl is None else config.stop_kl / config.amplify_updates
    return dataclasses.replace(config, ppo_epochs=config.amplify_epochs, stop_kl=stop_kl)


def _order(rows: int, key: Sequence[int | str], epoch: int) -> Tensor:
    return torch.randperm(rows, generator=generator(*key, epoch))


def _liked(learner: Learner, judge: Judge, written: Rollout) -> Tensor:
    """(B,) what the reward model says, fp64."""
    config = learner.config
    seen = features(learner.reference, written, config.micro_batch_size, learner.share)
    return judge(seen, config.amplify_pessimism)


def _written(
    learner: Learner, model: LanguageModel, labels: Labels, key: Sequence[int | str]
) -> Rollout:
    """A batch of completions by `model` of prompts that were judged, with no reward yet. They are
    keyed, and drawn apart from those the operator sees."""
    config, how = learner.config, learner.how
    # A policy in pieces writes for all at once, and texts end at different tokens: nothing to
    # divide.
    share = ALONE if learner.share.in_pieces else learner.share
    groups = labels.groups
    drawn = torch.randperm(len(groups), generator=generator(*key, "prompts"))
    prompts = [labels.prompt_of(int(groups[i])) for i in drawn[: config.amplify_prompts].tolist()]
    own, size = share.of(torch.arange(len(prompts))), config.amplify_group
    uniforms, limits = list[Tensor](), list[int]()
    for place in own.tolist():
        sampling = generator(*key, "sample", place)
        shape = how.max_new_tokens, size
        uniforms.append(torch.rand(shape, generator=sampling, dtype=torch.float64))
        limits += limits_of(how, size, generator(*key, "length", place))
    completions: tuple[Completion, ...] = ()
    with share.agreeing(), model.writing() as writer:
        if uniforms:
            completions = complete(
                writer,
                learner.codec,
                [prompts[place] for place in own.tolist()],
                torch.cat(uniforms, 1),
                limits,
                how,
                lambda tokens: None,
                learner.share.first,
            )
    written = [completions[n : n + size] for n in range(0, len(completions), size)]
    if not share.whole:
        written = _of_all(share, written, own, (len(prompts), size), how)
    judged = [
        LabelledGroup(Group(Prompt(""), ids, group, 0), (0.0,) * size, "", Mode.SCORE)
        for ids, group in zip(prompts, written, strict=True)
    ]
    return rollout_of(judged, learner.codec.pad_id, learner.policy.device)


def _of_all(
    share: Share,
    own: Sequence[tuple[Completion, ...]],
    places: Tensor,
    shape: tuple[int, int],
    how: Sampling,
) -> list[tuple[Completion, ...]]:
    """The completions of all prompts, `shape` (P, k), from one's `own` at `places` (p,): their
    tokens and log-probabilities, which is what a rollout is made of."""
    tokens = torch.full((len(own), shape[1], how.max_new_tokens), -1)
    logprobs = torch.zeros(tokens.shape, dtype=torch.float64)
    for row, completions in enumerate(own):
        for column, completion in enumerate(completions):
            n = len(completion.token_ids)
            tokens[row, column, :n] = torch.tensor(completion.token_ids)
            logprobs[row, column, :n] = torch.tensor(completion.logprobs, dtype=torch.float64)
    every = share.spread(tokens, places, shape[0])
    logp = share.spread(logprobs, places, shape[0])
    return [
        tuple(
            Completion("", tuple(ids[:n]), tuple(given[:n]), finished=True)
            for ids, given in zip(rows, values, strict=True)
            for n in [len(ids) - ids.count(-1)]
        )
        for rows, values in zip(every.tolist(), logp.tolist(), strict=True)
    ]


def _ids(rollout: Rollout) -> list[tuple[int, ...]]:
    """Tokens of each completion."""
    lengths = rollout.mask.sum(1).tolist()
    return [tuple(row[:n]) for row, n in zip(rollout.tokens.tolist(), lengths, strict=True)]
