"""The KL budget: held, within its horizon, by a policy that goes on learning."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hitl.config.ppo import HUMAN, TRL_CLASSIC, PPOConfig
from hitl.learn.evaluate import read_all
from hitl.learn.expected import Expected
from hitl.learn.kl import (
    budget_coef,
    budget_weight,
    drift_allowed,
    drift_believed,
    full_kl,
    running_kl,
)
from hitl.learn.limits import Yardstick, begin, pull_back
from hitl.learn.policy import Policy
from hitl.learn.rollout import Rollout, rollout_of
from hitl.learn.sampling import Sampling, sample_groups
from hitl.learn.share import ALONE, Share
from hitl.learn.step import StepResult, per_sequence, ppo_step
from hitl.records import LabelledGroup, Mode, Prompt

from .conftest import completion, group, tiny_policy
from .test_sampling import CODEC
from .test_step import SLOW, groups_of, step, total_logp, weights
from .together import together

CPU = torch.device("cpu")
HOW = Sampling(8)
LIKED = 7
POSITIVE = st.floats(0.01, 100)


@given(POSITIVE, POSITIVE)
def test_the_weight_is_its_lasting_part_at_the_target_and_grows_with_the_kl(
    coef: float, target: float
) -> None:
    at = [budget_weight(coef, share * target, target) for share in (0.0, 0.5, 1.0, 2.0, 100.0)]
    assert at[2] == pytest.approx(coef)
    assert at == sorted(at)
    assert at[1] == pytest.approx(coef / 4) and at[3] == pytest.approx(4 * coef)
    assert at[0] > 0 and at[4] <= 16 * coef * (1 + 1e-9)


@given(st.floats(0, 50), st.integers(1, 50))
def test_the_lasting_part_takes_labels_for_time(kl: float, labels: int) -> None:
    def after(coef: float, labels: int) -> float:
        return budget_coef(coef, kl, 5.0, labels, horizon=200)

    assert after(after(0.2, labels), labels) == pytest.approx(after(0.2, 2 * labels))
    assert (after(0.2, labels) > 0.2) == (kl > 5) or kl == pytest.approx(5)


def test_the_lasting_part_rises_faster_than_it_falls() -> None:
    def after(kl: float) -> float:
        return budget_coef(1.0, kl, 5.0, labels=200, horizon=200)

    assert after(10.0) > 10 and 1 / 3 < after(0.1) < 1


def test_a_running_estimate_lies_between_what_was_thought_and_what_was_measured() -> None:
    assert running_kl(4.0, 6.0, labels=16, memory=16) == 5.0
    assert running_kl(4.0, 6.0, labels=16, memory=0) == 6.0
    assert 4.0 < running_kl(4.0, 6.0, labels=1, memory=32) < 4.1


def test_taught_rows_may_go_further_than_the_policy_is_believed_to() -> None:
    assert drift_believed(drift_allowed(4.0, 6.0)) == pytest.approx(2.0)
    assert drift_allowed(4.0, 6.0) > 2.0
    assert drift_allowed(7.0, 6.0) == -1.0 == drift_believed(-1.0)


def away(noise: float = 0.15) -> Policy:
    policy = tiny_policy()
    with torch.no_grad():
        generator = torch.Generator().manual_seed(1)
        for parameter in policy.model.parameters():
            parameter += noise * torch.randn(parameter.shape, generator=generator)
    return policy


def yardstick_of(policy: Policy, reference: Policy) -> Yardstick:
    rollout = rollout_of(groups_of(policy, [5.0, 1.0, 4.0, 2.0]), 1, CPU)
    return at(policy, reference, rollout, HUMAN)


def at(
    policy: Policy,
    reference: Policy,
    rollout: Rollout,
    config: PPOConfig,
    share: Share = ALONE,
) -> Yardstick:
    ours, theirs = (
        read_all(model, rollout, config.micro_batch_size, share) for model in (policy, reference)
    )
    return begin(ours, theirs, rollout, HOW, config, share)[1]


def pull(policy: Policy, reference: Policy, yardstick: Yardstick, room: float, most: float) -> bool:
    """Whether it was pulled back; what is told of it then is what it is."""
    back = pull_back(policy, reference, yardstick, yardstick.look(policy), room, most)
    assert back is None or back == yardstick.look(policy)
    return back is not None


def test_the_way_back_is_straight_and_as_short_as_it_may_be() -> None:
    reference, policy = tiny_policy(), away()
    yardstick = yardstick_of(policy, reference)
    learned = weights(policy) - weights(reference)
    assert yardstick.began > 1
    assert pull(policy, reference, yardstick, -0.4 * yardstick.began, torch.inf)
    assert 0.53 < yardstick.look(policy).drift / yardstick.began <= 0.6
    left = weights(policy) - weights(reference)
    assert torch.nn.functional.cosine_similarity(left, learned, dim=0) > 0.9999
    assert left.norm() < learned.norm()


def test_a_distance_is_the_same_measured_in_small_pieces() -> None:
    reference, policy = tiny_policy(), away()
    rollout = rollout_of(groups_of(policy, [5.0, 1.0, 4.0, 2.0]), 1, CPU)
    for micro in (1, 3):
        pieces = dataclasses.replace(HUMAN, micro_batch_size=micro)
        yardstick = at(policy, reference, rollout, pieces)
        whole = yardstick_of(policy, reference)
        assert yardstick.began == pytest.approx(whole.began, rel=1e-5)
        far = whole.look(reference).distance
        assert yardstick.look(reference).distance == pytest.approx(far, rel=1e-5)


def test_there_is_no_way_back_for_a_policy_within_its_budget() -> None:
    reference, policy = tiny_policy(), away()
    yardstick, before = yardstick_of(policy, reference), weights(policy)
    assert not pull(policy, reference, yardstick, 0.0, torch.inf)
    assert torch.equal(weights(policy), before)


def test_the_way_back_goes_no_further_than_the_hard_stop() -> None:
    reference, policy = tiny_policy(), away()
    yardstick = yardstick_of(policy, reference)
    assert pull(policy, reference, yardstick, -yardstick.began, 0.02)
    assert 0.001 < yardstick.look(policy).distance <= 0.02


def test_a_policy_learns_whatever_the_weight_of_the_kl() -> None:
    policy = tiny_policy()
    batch = groups_of(policy, [5.0, 1.0, 5.0, 1.0, 5.0, 1.0, 5.0, 1.0])
    before = total_logp(policy, batch)
    step(policy, batch, dataclasses.replace(SLOW, init_kl_coef=20.0))
    change = total_logp(policy, batch) - before
    assert change[::2].mean() > 0.03 and change[1::2].mean() < -0.03


def with_own_text(policy: Policy, batch: list[LabelledGroup], tokens: int) -> list[LabelledGroup]:
    """The first group has an edit, of many tokens."""
    first, *rest = batch
    text = completion(policy, first.group.prompt_ids, [2 + n % 27 for n in range(tokens)])
    edited = dataclasses.replace(
        first,
        group=dataclasses.replace(first.group, completions=(*first.group.completions, text)),
        rewards=(*first.rewards, 5.0),
        edit_at=len(first.rewards),
    )
    return [edited, *rest]


@pytest.mark.parametrize("control", ["budget", "adaptive"])
@pytest.mark.parametrize("preset", [HUMAN, TRL_CLASSIC], ids=["human", "classic"])
def test_an_operators_own_text_says_nothing_of_the_kl(
    preset: PPOConfig, control: Literal["budget", "adaptive"]
) -> None:
    config = dataclasses.replace(preset, kl_control=control, lr=0.0)
    policy = away()
    batch = groups_of(policy, [5.0, 1.0, 4.0, 2.0])
    without = step(policy, batch, config, kl_estimate=4.0)
    within = step(policy, with_own_text(policy, batch, 40), config, kl_estimate=4.0)
    assert len(within.targets.advantages) == 5
    for name in ("sequence_kl", "kl", "weight", "kl_estimate"):
        assert getattr(within, name) == pytest.approx(getattr(without, name), rel=1e-5), name


def test_an_operators_own_text_does_not_pull_a_policy_back() -> None:
    policy, reference = away(), tiny_policy()
    batch = groups_of(policy, [5.0, 1.0, 4.0, 2.0])

    def drift(share: Share, edited: bool) -> float:
        rows = with_own_text(policy, batch, 40) if edited else batch
        rollout = rollout_of(rows, 1, CPU)
        yardstick = at(
            policy, reference, rollout, dataclasses.replace(HUMAN, micro_batch_size=2), share
        )
        assert yardstick.look(policy).drift == yardstick.began
        return yardstick.began

    want = drift(ALONE, edited=False)
    assert drift(ALONE, edited=True) == pytest.approx(want, rel=1e-5)
    for got in together(3, lambda share: drift(share, edited=True)):
        assert got == pytest.approx(want, rel=1e-5)


def test_own_texts_alone_are_measured_as_far_as_a_completion_goes() -> None:
    policy = away()
    [batch] = with_own_text(policy, groups_of(policy, [5.0, 1.0, 4.0, 2.0]), 40)
    alone = dataclasses.replace(batch, rewards=(*[math.nan] * 4, 5.0))
    config = dataclasses.replace(HUMAN, lr=0.0)
    told = step(policy, [alone], config).sequence_kl
    text = batch.group.completions[4].token_ids[: HOW.max_new_tokens]
    short = group(policy, [text], [5.0], prompt=batch.group.prompt_ids)
    assert told == pytest.approx(step(away(), [short], config).sequence_kl, rel=1e-5)
    assert told > 0


def sampled(policy: Policy, number: int) -> list[LabelledGroup]:
    """16 completions; liked is one token."""
    groups = [
        group
        for i in range(4)
        for group in sample_groups(
            policy.model, CODEC, [Prompt("5 6", 10 * number + i)], 4, HOW, 1, 0, lambda done: None
        )
    ]
    return [
        LabelledGroup(
            g,
            tuple(1.0 + min(c.token_ids.count(LIKED), 4) for c in g.completions),
            "op",
            Mode.SCORE,
        )
        for g in groups
    ]


def true_kl(policy: Policy) -> float:
    rollout = rollout_of([g for n in range(50, 58) for g in sampled(policy, n)], 1, CPU)
    ours, theirs = (read_all(model, rollout, 128) for model in (policy, tiny_policy()))
    return per_sequence(full_kl(ours.log_p(HOW), theirs.log_p(HOW)), rollout.mask)


def taught(config: PPOConfig, policy: Policy, updates: int, seen_from: int = 0) -> list[float]:
    """Sequence KL after each update from number `seen_from` on, of a policy that is taught to say
    LIKED."""
    reference = tiny_policy()
    optimizer = torch.optim.Adam(policy.parameters(), config.lr, config.adam_betas)
    kl_coef, estimate, mean, curve = config.init_kl_coef, None, 1.5, []
    result: StepResult
    for number in range(updates):
        rollout: Rollout = rollout_of(sampled(policy, number), 1, CPU)
        expected = Expected(torch.full((16,), mean), torch.ones(16))
        result = ppo_step(
            policy, reference, optimizer, rollout, HOW, config, kl_coef, estimate, expected,
            lambda epoch: torch.arange(16), lambda *at: None,
        )  # fmt: skip
        mean += 0.2 * (float(rollout.score.mean()) - mean)
        kl_coef, estimate = result.kl_coef, result.kl_estimate
        if number >= seen_from:
            curve.append(true_kl(policy))
    return curve


def reward(policy: Policy) -> float:
    batch = [g for n in range(60, 66) for g in sampled(policy, n)]
    return float(rollout_of(batch, 1, CPU).score.mean())


LESSON = dataclasses.replace(HUMAN, lr=3e-3, target_kl=2.0)
FREE = dataclasses.replace(LESSON, kl_control="fixed", init_kl_coef=0.05)


@pytest.mark.slow
def test_the_kl_stays_at_its_budget_and_the_policy_goes_on_learning() -> None:
    policy = tiny_policy()
    first = reward(policy)
    late = taught(LESSON, policy, 22, seen_from=13)  # after a horizon of 200 labels
    assert max(late) < 1.2 * LESSON.target_kl
    assert sum(late) / len(late) > 0.7 * LESSON.target_kl
    assert reward(policy) > first + 0.5


@pytest.mark.slow
def test_a_policy_that_is_over_its_budget_comes_back_within_a_horizon() -> None:
    policy = tiny_policy()
    [over] = taught(FREE, policy, 12, seen_from=11)
    assert over > 2 * LESSON.target_kl  # what happens without a budget
    [back] = taught(LESSON, policy, 12, seen_from=11)
    assert back < 1.2 * LESSON.target_kl
