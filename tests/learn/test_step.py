"""What a whole step does to a policy: direction, invariances, faults."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl.config.ppo import HUMAN, TRL_CLASSIC, PPOConfig
from hitl.learn import ppo
from hitl.learn.adam import adam_for
from hitl.learn.evaluate import evaluate_all
from hitl.learn.expected import Expected
from hitl.learn.policy import Policy
from hitl.learn.rollout import Rollout, rollout_of
from hitl.learn.sampling import Sampling
from hitl.learn.step import StepResult, ppo_step
from hitl.records import LabelledGroup

from .conftest import VOCABULARY, group, tiny_policy

CPU = torch.device("cpu")
HOW = Sampling(8)
SLOW = dataclasses.replace(HUMAN, lr=1e-3, stop_kl=None)


def step(
    policy: Policy,
    batch: list[LabelledGroup],
    config: PPOConfig = SLOW,
    mean: float = 3.0,
    rollout: Rollout | None = None,
    sgd: bool = False,
    kl_estimate: float | None = None,
    optimizer: torch.optim.Optimizer | None = None,
) -> StepResult:
    rollout = rollout or rollout_of(batch, 1, CPU)
    if sgd:
        optimizer = torch.optim.SGD(policy.parameters(), config.lr)
    elif optimizer is None:
        optimizer = torch.optim.Adam(policy.parameters(), config.lr, config.adam_betas)
    return ppo_step(
        policy, tiny_policy(), optimizer, rollout, HOW, config, config.init_kl_coef, kl_estimate,
        Expected(torch.full((len(rollout.ids),), mean), torch.ones(len(rollout.ids))),
        lambda epoch: torch.arange(len(rollout.ids)),
        lambda done, total: None,
    )  # fmt: skip


def total_logp(policy: Policy, batch: list[LabelledGroup]) -> torch.Tensor:
    rollout = rollout_of(batch, 1, CPU)
    logp = evaluate_all(policy, rollout, HOW, 8).logp
    return torch.where(rollout.mask, logp, 0.0).sum(1)


def texts(n: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(n)
    return [
        torch.randint(2, 29, (int(length),), generator=generator).tolist()
        for length in torch.randint(2, 9, (n,), generator=generator)
    ]


def groups_of(policy: Policy, rewards: list[float], k: int = 4) -> list[LabelledGroup]:
    completions = texts(len(rewards))
    return [
        group(policy, completions[i : i + k], rewards[i : i + k], prompt=(0, 4 + i))
        for i in range(0, len(rewards), k)
    ]


@pytest.mark.parametrize("n", [1, 4, 8, 16])
@pytest.mark.parametrize(("score", "sign"), [(5.0, 1), (1.0, -1)])
def test_equal_scores_move_the_policy_by_their_distance_from_the_mean(
    n: int, score: float, sign: int
) -> None:
    """Whitening inside the batch would make noise of these (DESIGN 6.2)."""
    policy = tiny_policy()
    batch = groups_of(policy, [score] * n)
    before = total_logp(policy, batch)
    step(policy, batch)
    assert sign * (total_logp(policy, batch) - before).sum() > 0.1


@pytest.mark.parametrize("score", [1.0, 2.0, 4.0, 5.0])
@pytest.mark.parametrize("n", [1, 4, 8, 16])
def test_equal_scores_move_the_more_the_further_they_are_from_the_mean(
    n: int, score: float
) -> None:
    def change(mean: float) -> float:
        policy = tiny_policy()
        batch = groups_of(policy, [score] * n)
        before = total_logp(policy, batch)
        step(policy, batch, dataclasses.replace(SLOW, lr=1e-2, max_grad_norm=None), mean, sgd=True)
        return float((total_logp(policy, batch) - before).sum())

    near, far = change(score - 0.5), change(score - 1.5)
    assert 0 < near < far
    assert change(score + 1.5) < change(score + 0.5) < 0
    assert abs(change(score)) < 0.1 * near


@pytest.mark.parametrize("n", [4, 8, 16])
def test_good_scores_raise_log_probabilities_and_bad_ones_lower_them(n: int) -> None:
    policy = tiny_policy()
    rewards = [5.0 if i % 2 else 1.0 for i in range(n)]
    batch = groups_of(policy, rewards)
    before = total_logp(policy, batch)
    step(policy, batch)
    change = total_logp(policy, batch) - before
    good = torch.tensor([r > 3 for r in rewards])
    assert change[good].mean() > 0.1
    assert change[~good].mean() < -0.1


def test_a_better_score_moves_a_lone_completion_further() -> None:
    moves = []
    for score in (3.5, 5.0):
        policy = tiny_policy()
        batch = groups_of(policy, [score])
        before = total_logp(policy, batch)
        step(policy, batch, dataclasses.replace(SLOW, lr=1e-2, max_grad_norm=None), sgd=True)
        moves.append(float(total_logp(policy, batch) - before))
    assert 0 < moves[0] < moves[1]


def weights(policy: Policy) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(policy.parameters()).detach().clone()


REWARDS = [5.0, 2.0, 1.0, 4.0, 3.0, 3.0, 2.0, 5.0]
CLASSIC = dataclasses.replace(TRL_CLASSIC, init_kl_coef=0.05)
PRESETS = pytest.mark.parametrize("config", [SLOW, CLASSIC], ids=["human", "trl-classic"])


def moved(
    config: PPOConfig, rollout: Rollout | None = None, order: Sequence[int] = (0, 1)
) -> torch.Tensor:
    """By SGD: Adam makes noise of the last bits out of gradients near zero."""
    policy = tiny_policy()
    batch = groups_of(policy, REWARDS)
    before = weights(policy)
    batch = [batch[i] for i in order]
    step(policy, batch, dataclasses.replace(config, lr=0.05), rollout=rollout, sgd=True)
    return weights(policy) - before


def the_same(got: torch.Tensor, want: torch.Tensor) -> bool:
    return bool(want.norm() > 1e-3 and (got - want).norm() < 1e-4 * want.norm())


@PRESETS
@settings(max_examples=6, deadline=None)
@given(st.integers(1, 8))
def test_micro_batches_do_not_change_the_update(config: PPOConfig, micro: int) -> None:
    cut = moved(dataclasses.replace(config, micro_batch_size=micro))
    assert the_same(cut, moved(config))


@PRESETS
@settings(max_examples=6, deadline=None)
@given(st.integers(1, 20), st.integers(0, VOCABULARY - 1))
def test_padding_does_not_change_the_update(config: PPOConfig, extra: int, filler: int) -> None:
    plain = rollout_of(groups_of(tiny_policy(), REWARDS), 1, CPU)
    ids = torch.cat([plain.ids, torch.full((len(plain.ids), extra), filler)], 1)
    columns = torch.arange(ids.shape[1])
    ids = torch.where(columns < plain.lengths[:, None], ids, filler)
    assert the_same(moved(config, dataclasses.replace(plain, ids=ids)), moved(config))


@PRESETS
@settings(max_examples=6, deadline=None)
@given(st.permutations(range(8)))
def test_the_order_of_the_batch_does_not_change_the_update(
    config: PPOConfig, order: list[int]
) -> None:
    plain = rollout_of(groups_of(tiny_policy(), REWARDS), 1, CPU)
    shuffled = plain.rows(torch.tensor(order))
    assert the_same(moved(config, shuffled), moved(config))
    assert the_same(moved(config, order=(1, 0)), moved(config))


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 27), min_size=4, max_size=4))
def test_the_length_of_the_prompts_beside_it_does_not_change_what_a_completion_teaches(
    lengths: list[int],
) -> None:
    """The update of ragged rows is the mean, by tokens, of the updates of each alone."""
    config = dataclasses.replace(SLOW, lr=0.05, ppo_epochs=1, max_grad_norm=None)
    rewards, completions = [5.0, 1.0, 4.0, 1.5], texts(4)

    def batch(rows: Sequence[int]) -> list[LabelledGroup]:
        policy = tiny_policy()
        return [
            group(policy, [completions[i]], [rewards[i]], prompt=(0, *range(2, 1 + lengths[i])))
            for i in rows
        ]

    def update(rows: Sequence[int]) -> torch.Tensor:
        policy = tiny_policy()
        before = weights(policy)
        step(policy, batch(rows), config, sgd=True)
        return weights(policy) - before

    tokens = [len(c) for c in completions]
    alone = sum((n * update([i]) for i, n in enumerate(tokens)), torch.tensor(0.0)) / sum(tokens)
    assert the_same(update(range(4)), alone)


def test_excluded_completions_take_part_in_nothing() -> None:
    policy = tiny_policy()
    completions = texts(5)
    with_nan = [group(policy, completions, [5.0, 2.0, math.nan, 4.0, math.nan])]
    without = [group(policy, [completions[i] for i in (0, 1, 3)], [5.0, 2.0, 4.0])]
    results = []
    for batch in (with_nan, without):
        policy = tiny_policy()
        step(policy, batch, sgd=True)
        results.append(weights(policy))
    assert torch.equal(*results)


@pytest.mark.parametrize("betas", [(0.0, 0.99), (0.9, 0.999)])
def test_weights_that_step_one_after_the_other_go_where_all_together_do(
    betas: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is copied at a time, and how many gradients are there beside it, is not seen."""
    reached = []
    for together in (1, 1 << 30):
        monkeypatch.setattr(ppo, "TOGETHER", together)
        policy = tiny_policy()
        optimizer = adam_for(policy.parameters(), 0.01, betas, 1e-8)
        config = dataclasses.replace(HUMAN, ppo_epochs=2, mini_batch_size=2, stop_kl=None)
        for _ in range(2):
            step(policy, groups_of(policy, [5.0, 1.0, 4.0, 2.0]), config, optimizer=optimizer)
        reached.append(weights(policy))
    assert torch.equal(*reached)
    assert not torch.equal(reached[0], weights(tiny_policy()))


@pytest.mark.parametrize("lr", [0.05, 0.5, 5.0])
def test_a_pass_that_goes_too_far_is_shortened_until_it_does_not(lr: float) -> None:
    """However far: what is far beyond is hardly further than what is a tenth of it."""
    policy = tiny_policy()
    batch = groups_of(policy, [5.0, 1.0, 5.0, 1.0])
    before, logp = weights(policy), total_logp(policy, batch)
    result = step(policy, batch, dataclasses.replace(SLOW, lr=lr, stop_kl=0.01))
    assert result.outcome.stopped and result.outcome.epochs == 1
    assert 0.005 <= result.outcome.step_kl <= 0.01
    assert 0 < (weights(policy) - before).norm() < 0.05 * len(before) ** 0.5 / 2
    change = total_logp(policy, batch) - logp
    assert change[[0, 2]].sum() > 0 > change[[1, 3]].sum()


def test_what_a_shortened_pass_saw_of_the_gradient_is_remembered() -> None:
    """Or each update would begin anew, with steps of one length for all weights."""
    policy = tiny_policy()
    batch = groups_of(policy, [5.0, 1.0, 5.0, 1.0])
    optimizer = torch.optim.Adam(policy.parameters(), 0.05, HUMAN.adam_betas)
    result = step(policy, batch, dataclasses.replace(HUMAN, stop_kl=0.01), optimizer=optimizer)
    assert result.outcome.stopped
    assert max(float(state["exp_avg_sq"].max()) for state in optimizer.state.values()) > 0


def test_a_pass_that_cannot_be_shortened_is_taken_back() -> None:
    policy = tiny_policy()
    batch = groups_of(policy, [5.0, 1.0, 5.0, 1.0])
    before = weights(policy)
    result = step(policy, batch, dataclasses.replace(SLOW, lr=0.05, stop_kl=-1.0))
    assert result.outcome.stopped and result.outcome.epochs == 0
    assert torch.equal(weights(policy), before)


def test_moving_stays_within_the_hard_stop() -> None:
    policy = tiny_policy()
    batch = groups_of(policy, [5.0, 1.0, 5.0, 1.0, 4.0, 2.0, 1.0, 5.0])
    config = dataclasses.replace(SLOW, lr=2e-3, stop_kl=0.05, ppo_epochs=20)
    result = step(policy, batch, config)
    assert 0 < result.outcome.step_kl <= 0.05
    assert 0 < result.outcome.epochs < 20 and result.outcome.stopped


def test_a_loss_that_is_not_finite_is_refused_before_the_weights_move() -> None:
    policy = tiny_policy()
    batch = groups_of(policy, [5.0, math.inf, 5.0, 1.0])
    before = weights(policy)
    with pytest.raises(ppo.NonFiniteUpdateError):
        step(policy, batch)
    assert torch.equal(weights(policy), before)


@pytest.mark.parametrize("advantage", ["baseline", "gae"])
def test_a_lone_token_in_a_batch_of_one_gives_finite_weights(advantage: str) -> None:
    policy = tiny_policy()
    config = dataclasses.replace(SLOW, advantage=advantage)
    step(policy, [group(policy, [[7]], [4.0])], config)
    assert weights(policy).isfinite().all()
