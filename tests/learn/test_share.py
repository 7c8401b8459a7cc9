"""An update that several divide is the update of one, and the very same in each of them."""

from __future__ import annotations

import copy
import dataclasses
import math
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hitl.config.ppo import HUMAN, TRL_CLASSIC, PPOConfig
from hitl.config.recorded import RecordedConfig
from hitl.engine import UpdateRefusedError
from hitl.learn import ppo
from hitl.learn.before import Before
from hitl.learn.engine import LocalEngine
from hitl.learn.evaluate import evaluate_all, read_all
from hitl.learn.expected import Expected
from hitl.learn.keyed import generator
from hitl.learn.limits import begin
from hitl.learn.policy import Policy, digest
from hitl.learn.rollout import rollout_of
from hitl.learn.sampling import Sampling
from hitl.learn.share import ALONE, Share
from hitl.learn.step import StepResult, ppo_step
from hitl.records import LabelledGroup, Mode, Prompt, UpdateStats
from tests.faults.policy import write_policy

from .conftest import group, tiny_policy
from .together import CPU, together

HOW = Sampling(8)
POLICY, REFERENCE = tiny_policy(), tiny_policy(3)  # the threads have one source of chance
HUMAN_PLAIN = dataclasses.replace(HUMAN, stop_kl=None, kl_control="fixed", kl_penalty="full")
SAID = ("policy_loss", "value_loss", "entropy", "clip_fraction", "gradient_norm", "step_kl")


def batch_of(rows: int, seed: int) -> list[LabelledGroup]:
    """`rows` completions of 1 to 8 tokens, in groups of up to 4."""
    chance = torch.Generator().manual_seed(seed)

    def number(low: int, high: int) -> int:
        return int(torch.randint(low, high, (1,), generator=chance))

    texts = [[number(2, 29) for _ in range(number(1, 9))] for _ in range(rows)]
    rewards = [float(number(1, 6)) for _ in range(rows)]
    return [
        group(POLICY, texts[i : i + 4], rewards[i : i + 4], prompt=(0, *range(3, 4 + i % 5)))
        for i in range(0, rows, 4)
    ]


def one_step(
    share: Share, batch: list[LabelledGroup], config: PPOConfig
) -> tuple[StepResult, dict[str, Tensor]]:
    """A step of plain gradient descent from the same policy; what it did, and how far each
    parameter moved."""
    policy, rollout = copy.deepcopy(POLICY), rollout_of(batch, 1, CPU)
    before = {name: p.detach().clone() for name, p in policy.named_parameters()}
    result = ppo_step(
        policy, REFERENCE, torch.optim.SGD(policy.parameters(), lr=0.1), rollout, HOW, config,
        config.init_kl_coef, None,
        Expected(torch.full((len(rollout.ids),), 3.0), torch.ones(len(rollout.ids))),
        lambda epoch: torch.randperm(len(rollout.ids), generator=generator(epoch)),
        lambda *told: None, share,
    )  # fmt: skip
    return result, {n: p.detach() - before[n] for n, p in policy.named_parameters()}


def far(moved: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Length of the difference over the length of the move, of all parameters together."""
    apart = math.sqrt(sum(float((moved[n] - other[n]).double().square().sum()) for n in moved))
    return apart / math.sqrt(sum(float(m.double().square().sum()) for m in moved.values()))


def same(one: StepResult, other: StepResult) -> None:
    for name in ("sequence_kl", "kl", "kl_coef", "kl_estimate"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-5, abs=1e-6), name
    for name in SAID:
        mine, theirs = getattr(one.outcome, name), getattr(other.outcome, name)
        assert mine == pytest.approx(theirs, rel=1e-5, abs=1e-6), name


@pytest.mark.parametrize("config", [HUMAN_PLAIN, TRL_CLASSIC], ids=["human", "trl-classic"])
@settings(max_examples=8, deadline=None)
@given(
    size=st.integers(2, 5),
    rows=st.integers(2, 11),
    mini=st.integers(1, 11),
    micro=st.integers(1, 6),
    accumulated=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_several_make_the_step_of_one(
    config: PPOConfig, size: int, rows: int, mini: int, micro: int, accumulated: int, seed: int
) -> None:
    config = dataclasses.replace(
        config, ppo_epochs=2, mini_batch_size=mini, micro_batch_size=micro,
        gradient_accumulation_steps=accumulated,
    )  # fmt: skip
    batch = batch_of(rows, seed)
    alone, moved = one_step(ALONE, batch, config)
    every = together(size, lambda share: one_step(share, batch, config))
    assert len({digest(weights.items()) for _, weights in every}) == 1
    for result, weights in every:
        assert result.outcome == every[0][0].outcome
        same(result, alone)
        assert far(moved, weights) < 1e-5


def test_whitening_and_statistics_are_of_the_whole_batch() -> None:
    """Of shares alone they would be others: one has what is liked, the other what is not."""
    texts = [[5, 6, 7], [8, 9], [10, 11, 12, 13], [14, 15]]
    batch = [group(POLICY, texts, (5.0, 1.0, 5.0, 1.0))]
    alone, _ = one_step(ALONE, batch, TRL_CLASSIC)
    mask = rollout_of(batch, 1, CPU).mask
    for result, _ in together(2, lambda share: one_step(share, batch, TRL_CLASSIC)):
        got, want = (r.targets.advantages[mask] for r in (result, alone))
        assert torch.allclose(got, want, atol=1e-5)
        assert float(got.mean()) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("rows", [1, 3, 20])
def test_what_is_measured_is_of_all_rows_even_where_a_share_has_none(rows: int) -> None:
    rollout = rollout_of(batch_of(rows, 7), 1, CPU)

    def measured(share: Share) -> list[Tensor]:
        """One's own log-probabilities, values and KL at their places, and what is of all."""
        policy = copy.deepcopy(POLICY)
        config = dataclasses.replace(HUMAN, micro_batch_size=2)
        before = [read_all(model, rollout, 2, share) for model in (policy, REFERENCE)]
        _, yardstick = begin(*before, rollout, HOW, config, share)
        with torch.no_grad():
            policy.value_head.weight.zero_()
            for parameter in policy.model.parameters():
                parameter.mul_(1.1)
        said = evaluate_all(policy, rollout, HOW, 2, share)
        beside, _ = begin(said.reading, before[1], rollout, HOW, config, share)
        own, out = share.of(rollout.every_row), list[Tensor]()
        for part in (said.logp, said.values, beside.other_logp, beside.kl):
            whole = torch.zeros(rollout.mask.shape)
            whole[own, : part.shape[1]] = part
            out.append(whole[rollout.mask])
        now = yardstick.look(policy)
        lengths = (now.distance, now.drift, yardstick.began)
        return [*out, torch.tensor(lengths)]

    alone = measured(ALONE)
    assert alone[-1].min() > 0
    every = together(4, measured)
    for place, want in enumerate(alone[:-1]):
        assert torch.allclose(sum(each[place] for each in every), want, rtol=1e-5, atol=1e-6)
    for each in every:
        assert torch.allclose(each[-1], alone[-1], rtol=1e-5, atol=1e-6)


def test_memory_that_runs_out_for_one_runs_out_for_all() -> None:
    def work(share: Share) -> str:
        try:
            with share.agreeing():
                if share.rank == 1:
                    raise torch.OutOfMemoryError("no room")
        except torch.OutOfMemoryError as error:
            return str(error)
        return "there was room"

    assert together(3, work) == [
        "in a process that shares the update", "no room", "in a process that shares the update"
    ]  # fmt: skip
    assert work(ALONE) == "there was room"


def test_a_parameter_without_a_gradient_anywhere_has_none_after_the_sum() -> None:
    def work(share: Share) -> list[list[float] | None]:
        parameters = [torch.zeros(2, requires_grad=True) for _ in range(3)]
        parameters[0].grad = torch.tensor([1.0, share.rank])
        if share.rank == 1:
            parameters[1].grad = torch.tensor([5.0, 6.0])
        share.sum_gradients(parameters)
        return [None if p.grad is None else p.grad.tolist() for p in parameters]

    assert together(2, work) == [[[2.0, 1.0], [5.0, 6.0], None]] * 2


# --- the engine ---------------------------------------------------------------------------------

# With Adam's own eps a gradient of nothing but rounding makes a whole step, in whichever direction.
STEADY = PPOConfig(adam_eps=1.0, lr=0.3, ppo_epochs=2, stop_kl=None, kl_control="fixed")
AMPLIFIED = dataclasses.replace(
    STEADY, amplify_updates=2, amplify_prompts=3, amplify_group=2, amplify_gate=0.0
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_policy(tmp_path_factory.mktemp("policy"))


def config_of(numbers: PPOConfig, amplify: bool = False) -> RecordedConfig:
    return RecordedConfig(
        lang="en", group_size=2, max_new_tokens=6, seed=5, threads=1, device="cpu",
        amplify="on" if amplify else "off", recorded=numbers,
    )  # fmt: skip


LOADING = threading.Lock()
"""transformers patches torch while it loads a model."""


def engine(source: Path, config: RecordedConfig, share: Share = ALONE) -> LocalEngine:
    with LOADING:
        return LocalEngine(source, config, lambda *told: None, join=lambda device: share)


def judged(engine: LocalEngine, first: int) -> list[LabelledGroup]:
    prompts = [Prompt("the film was", n) for n in range(first, first + 7)]
    return [LabelledGroup(g, (1.0, -1.0), "op", Mode.RANK) for g in engine.sample(prompts, 2, 5)]


@pytest.mark.parametrize("amplify", [False, True], ids=["plain", "amplified"])
def test_engines_that_divide_two_updates_come_out_as_one_alone(source: Path, amplify: bool) -> None:
    config = config_of(AMPLIFIED if amplify else STEADY, amplify)
    base = engine(source, config)
    first, second = judged(base, 1), judged(base, 8)
    start = {name: p.detach().clone() for name, p in base._policy.named_parameters()}

    def learn(share: Share) -> tuple[list[UpdateStats], dict[str, Tensor]]:
        one = engine(source, config, share)
        made = [one.update(1, first), one.update(2, second)]
        return made, {n: p.detach() - start[n] for n, p in one._policy.named_parameters()}

    alone, moved = learn(ALONE)
    every = together(3, learn)
    assert len({made[1].digest for made, _ in every}) == 1
    for made, theirs in every:
        assert far(moved, theirs) < 1e-5
        for got, want in zip(made, alone, strict=True):
            for name in (*SAID, "sequence_kl", "kl_coef", "reward", "reward_std", "own_accuracy"):
                value = getattr(want, name)
                assert getattr(got, name) == pytest.approx(value, rel=1e-5, abs=1e-6), name
            assert got.labels == want.labels
            assert got.own_texts == want.own_texts == (2 * 3 * 2 if amplify else 0)


@pytest.mark.parametrize("what_for", ["the way back", "a copy to go back to"])
def test_engines_of_which_one_has_too_little_memory_all_take_smaller_pieces(
    what_for: str, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(STEADY)
    batch = judged(engine(source, config), 1)
    evaluate, keep, short = ppo.evaluate_rows, Before.keep, [3]

    def scarce(policy: Policy, *given: object) -> object:
        if torch.is_grad_enabled() and getattr(policy, "scarce", False) and short:
            short.pop()
            raise torch.OutOfMemoryError("no room")
        return evaluate(policy, *given)  # type: ignore[arg-type]

    def keeps(self: Before, parameters: Iterable[torch.Tensor]) -> None:
        if getattr(self._optimizer, "scarce", False) and short:
            short.pop()
            raise torch.OutOfMemoryError("no room")
        keep(self, parameters)

    if what_for == "the way back":
        monkeypatch.setattr(ppo, "evaluate_rows", scarce)
    else:
        monkeypatch.setattr(Before, "keep", keeps)

    def learn(share: Share) -> tuple[UpdateStats, int]:
        one = engine(source, config, share)
        one._policy.scarce = share.rank == 1  # type: ignore[assignment]
        one._optimizer.scarce = share.rank == 1  # type: ignore[attr-defined]
        return one.update(1, batch), one._ppo.micro_batch_size

    (one, micro), (other, theirs) = together(2, learn)
    assert not short and micro == theirs == STEADY.micro_batch_size // 2
    assert one.digest == other.digest


def test_what_is_no_number_for_one_is_refused_by_all(source: Path) -> None:
    config = config_of(STEADY)
    batch = judged(engine(source, config), 1)
    batch[0] = dataclasses.replace(batch[0], rewards=(math.inf, 1.0))

    def learn(share: Share) -> bool:
        one = engine(source, config, share)
        before = one.digest()
        with pytest.raises(UpdateRefusedError):
            one.update(1, batch)
        return one.digest() == before

    assert together(2, learn) == [True, True]
