"""One numbered update: the step on what operators judged, and what is told of it.

Between `step` (one batch, no history) and `engine` (numbers, disks, what goes wrong).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from hitl.config.ppo import PPOConfig
from hitl.config.session import SessionConfig
from hitl.learn import ppo
from hitl.learn.amplify import Amplified, Learner, amplify
from hitl.learn.before import Before
from hitl.learn.expected import expected, moments_after
from hitl.learn.features import features
from hitl.learn.keyed import generator
from hitl.learn.labels import Labels
from hitl.learn.rollout import Rollout
from hitl.learn.scores import scaled_scores
from hitl.learn.state import TrainerState
from hitl.learn.step import StepResult, ppo_step
from hitl.records import LabelledGroup, UpdateStats
from hitl.scale import Scale
from hitl.wording import Sentence


@dataclass(frozen=True)
class Known:
    """What an update takes over from the one before, besides weights and optimizer."""

    state: TrainerState
    labels: Labels
    """All that were learned from, for --amplify."""


@dataclass(frozen=True)
class Taught:
    """What it leaves to the next one."""

    state: TrainerState
    """But for its number and stats."""
    stats: UpdateStats
    """But for seconds, and until it is known that all went well, the digest."""
    labels: Labels


def teach(
    learner: Learner,
    known: Known,
    number: int,
    batch: Sequence[LabelledGroup],
    rollout: Rollout,
    config: SessionConfig,
    on_step: Callable[[int, int], None],
    began: Before,
    enough: Callable[[int], bool],
) -> Taught:
    """Teaches the policy what was said of `batch`, whose completions `rollout` holds; what is
    there now is kept in `began` before it moves. See `amplify` for `enough`.

    Raises NonFiniteUpdateError; the weights may then have moved, and are the caller's to restore.
    """
    options, state, scale = learner.config, known.state, Scale.parse(config.scale)
    if len(rollout.ids) == 0:
        nothing = Sentence("nothing in the batch was judged: nothing learned")
        return Taught(state, _idle(number, state.kl_coef, options, nothing), known.labels)
    score, scores = scaled_scores(rollout.score, state.scores, options)
    result = ppo_step(
        learner.policy,
        learner.reference,
        learner.optimizer,
        dataclasses.replace(rollout, score=score),
        learner.how,
        options,
        state.kl_coef,
        state.kl_estimate,
        expected(batch, rollout, state.moments, scale, options),
        lambda epoch: torch.randperm(
            len(rollout.ids), generator=generator(config.seed, "order", number, epoch)
        ),
        on_step,
        learner.share,
        began,
        state.pass_length,
    )
    labels, more = known.labels, Amplified(None, 0, 0, result.kl_coef, result.kl_estimate)
    if config.amplify == "on":
        seen = features(learner.reference, rollout, options.micro_batch_size, learner.share)
        labels = labels.with_batch(rollout, seen)
        more = amplify(
            learner, labels, config.seed, number, result.kl_coef, result.kl_estimate, on_step,
            enough,
        )  # fmt: skip
    after = dataclasses.replace(
        state,
        kl_coef=more.kl_coef,
        kl_estimate=more.kl_estimate,
        moments=moments_after(batch, state.moments, scale, options),
        scores=scores,
        pass_length=result.outcome.next_length,
    )
    return Taught(after, _stats(number, batch, rollout, result, more, options), labels)


def _stats(
    number: int,
    batch: Sequence[LabelledGroup],
    rollout: Rollout,
    result: StepResult,
    more: Amplified,
    options: PPOConfig,
) -> UpdateStats:
    outcome = result.outcome
    return UpdateStats(
        number=number,
        labels=len(rollout.ids),
        reward=float(rollout.score.mean()),
        reward_std=float(rollout.score.std(correction=0)),
        sequence_kl=result.sequence_kl,
        kl_coef=result.kl_coef,
        policy_loss=outcome.policy_loss,
        value_loss=outcome.value_loss,
        entropy=outcome.entropy,
        clip_fraction=outcome.clip_fraction,
        step_kl=outcome.step_kl,
        gradient_norm=outcome.gradient_norm,
        epochs=outcome.epochs,
        seconds=0.0,
        lr=options.lr,
        target_kl=options.target_kl,
        staleness=staleness(number, batch),
        notices=tuple(_notices(number, batch, rollout, outcome, options)),
        own_texts=more.texts,
        own_accuracy=more.accuracy,
        own_steps=more.steps,
    )


def _idle(number: int, kl_coef: float, options: PPOConfig, notice: str) -> UpdateStats:
    """Of an update that changed nothing."""
    return UpdateStats(
        number=number,
        labels=0,
        reward=math.nan,
        reward_std=0.0,
        sequence_kl=0.0,
        kl_coef=kl_coef,
        policy_loss=0.0,
        value_loss=0.0,
        entropy=0.0,
        clip_fraction=0.0,
        step_kl=0.0,
        gradient_norm=0.0,
        epochs=0,
        seconds=0.0,
        lr=options.lr,
        target_kl=options.target_kl,
        notices=(notice,),
    )


def _notices(
    number: int,
    batch: Sequence[LabelledGroup],
    rollout: Rollout,
    outcome: ppo.Outcome,
    options: PPOConfig,
) -> Iterator[Sentence]:
    """What the operator should know of it."""
    if (age := staleness(number, batch)) > 1:
        yield Sentence(
            "what this batch judged was sampled {age:.1f} updates before: the older, the less it "
            "can teach",
            age=age,
        )
    if float(rollout.score.std(correction=0)) == 0.0:
        yield Sentence("all labels of this batch are equal: it can teach only a little")
    if outcome.stopped and outcome.epochs == 0:
        yield Sentence(
            "one pass would have moved the policy too far, so nothing was learned: lower --lr"
        )
    if outcome.left_out:
        yield Sentence(
            "{count} of {steps} steps taught nothing: their texts are more than {most:g} times as "
            "likely a token as when they were written. They are too old, or --lr is too high",
            count=outcome.left_out,
            steps=outcome.steps,
            most=options.ratio_threshold,
        )


def staleness(number: int, batch: Sequence[LabelledGroup]) -> float:
    """Mean over labels of the updates between the policy that sampled a completion and the one
    that update `number` starts from: 0 when all are its own."""
    ages = [
        number - 1 - judged.group.policy_version
        for judged in batch
        for reward in judged.rewards
        if not math.isnan(reward)
    ]
    return sum(ages) / len(ages) if ages else 0.0
