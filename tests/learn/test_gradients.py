"""The gradient of an update in float64 against autograd of the formulas as papers write them."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from hitl.config.ppo import HUMAN, TRL_CLASSIC, PPOConfig
from hitl.learn import ppo
from hitl.learn.evaluate import evaluate_own, read_all
from hitl.learn.limits import begin
from hitl.learn.reading import Reading
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling
from hitl.learn.share import ALONE

B, P, T, V = 4, 2, 5, 7
BETA = 0.3


class Table(nn.Module):
    """A policy that is nothing but its logits and values: a row of the batch is a row of it."""

    device = torch.device("cpu")

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.logits = nn.Parameter(
            torch.randn(B, P + T, V, generator=generator, dtype=torch.float64)
        )
        self.values = nn.Parameter(torch.randn(B, P + T, generator=generator, dtype=torch.float64))

    def read(self, ids: Tensor, attention_mask: Tensor, columns: Tensor) -> tuple[Reading, Tensor]:
        rows = ids[:, :1]
        return Reading.of(self.logits[rows, columns], None, torch.float64), self.values[
            rows, columns
        ]

    def trained(self) -> dict[str, nn.Parameter]:
        return dict(self.named_parameters())


def setting(seed: int) -> tuple[Rollout, ppo.Targets]:
    """Ragged rows, the first token of each its number; targets with ratios on both sides of the
    clip range."""
    generator = torch.Generator().manual_seed(seed)
    prompts = torch.randint(1, P + 1, (B,), generator=generator)
    responses = torch.randint(1, T + 1, (B,), generator=generator)
    ids = torch.randint(0, V, (B, P + T), generator=generator)
    ids[:, 0] = torch.arange(B)
    mask = torch.arange(T) < responses[:, None]

    def noise(scale: float = 1.0) -> Tensor:
        return scale * torch.randn(B, T, generator=generator, dtype=torch.float64)

    rollout = Rollout(
        ids, prompts + responses, prompts, mask, torch.zeros(B, T), torch.zeros(B),
        torch.arange(B), torch.ones(B, dtype=torch.bool),
    )  # fmt: skip
    now, reference = Table(seed), Table(seed + 100)
    old = torch.stack([torch.stack([logp(now, rollout, b, t) for t in range(T)]) for b in range(B)])
    ref = torch.stack(
        [torch.stack([logp(reference, rollout, b, t) for t in range(T)]) for b in range(B)]
    )
    values = torch.stack([now.values[b, prompts[b] - 1 + torch.arange(T)] for b in range(B)])
    targets = ppo.Targets(
        (old + noise(0.3)).detach(), ref.detach(), (values + noise(0.3)).detach(), noise(), noise()
    )
    return rollout, targets


def logp(table: Table, rollout: Rollout, b: int, t: int) -> Tensor:
    at = int(rollout.prompt_lengths[b]) + t
    if t >= int(rollout.mask[b].sum()):
        return torch.zeros((), dtype=torch.float64)
    scores = table.logits[b, at - 1]
    return scores[rollout.ids[b, at]] - scores.exp().sum().log()


def written_out(
    table: Table, reference: Table, rollout: Rollout, targets: ppo.Targets, config: PPOConfig
) -> Tensor:
    """The loss, token by token (Schulman et al. 2017, eq. 7 and 9)."""
    total, count = torch.zeros((), dtype=torch.float64), 0
    for b in range(B):
        for t in range(int(rollout.mask[b].sum())):
            at = int(rollout.prompt_lengths[b]) + t
            ratio = (logp(table, rollout, b, t) - targets.old_logp[b, t]).exp()
            advantage = targets.advantages[b, t]
            near = torch.clamp(ratio, 1 - config.cliprange, 1 + config.cliprange)
            surrogate = torch.minimum(ratio * advantage, near * advantage)
            total, count = total - surrogate, count + 1
            if config.advantage == "gae":
                value, old = table.values[b, at - 1], targets.old_values[b, t]
                near = old + torch.clamp(
                    value - old, -config.cliprange_value, config.cliprange_value
                )
                error = torch.maximum(
                    (value - targets.returns[b, t]) ** 2, (near - targets.returns[b, t]) ** 2
                )
                total = total + config.vf_coef * error / 2
            elif config.kl_penalty == "mse":
                gap = logp(table, rollout, b, t) - targets.ref_logp[b, t]
                total = total + BETA * gap**2 / 2
            else:
                p, q = table.logits[b, at - 1].softmax(-1), reference.logits[b, at - 1].softmax(-1)
                total = total + BETA * (p * (p / q).log()).sum()
    return total / count


@pytest.mark.parametrize(
    "config",
    [
        dataclasses.replace(HUMAN, kl_penalty="full"),
        dataclasses.replace(HUMAN, kl_penalty="mse"),
        TRL_CLASSIC,
    ],
    ids=["human", "human-mse", "trl-classic"],
)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), micro=st.integers(1, B))
def test_a_step_goes_down_the_gradient_of_the_written_out_loss(
    config: PPOConfig, seed: int, micro: int
) -> None:
    config = dataclasses.replace(
        config, ppo_epochs=1, micro_batch_size=micro, stop_kl=None, max_grad_norm=None,
        kl_control="fixed", ratio_threshold=1e9,
    )  # fmt: skip
    rollout, targets = setting(seed)
    table, reference = Table(seed), Table(seed + 100)
    before = {n: p.detach().clone() for n, p in table.named_parameters()}
    loss = written_out(table, reference, rollout, targets, config)
    want = torch.autograd.grad(loss, list(table.parameters()), allow_unused=True)
    how = Sampling(T)
    start = evaluate_own(table, rollout, how, ALONE)
    theirs = read_all(reference, rollout, micro)
    _, yardstick = begin(start.detached().reading, theirs, rollout, how, config)
    ppo.learn(
        table, reference, torch.optim.SGD(table.parameters(), lr=1.0), rollout, targets,
        start, yardstick, how, config, BETA, 0.0, lambda epoch: torch.arange(B), lambda *at: None,
    )  # fmt: skip
    for (name, parameter), gradient in zip(table.named_parameters(), want, strict=True):
        got = before[name] - parameter.detach()
        assert torch.allclose(got, torch.zeros_like(got) if gradient is None else gradient,
                              atol=1e-10), name  # fmt: skip
    assert want[0] is not None and want[0].abs().max() > 1e-3
