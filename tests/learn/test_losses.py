"""The losses against autograd of the written-out formulas, in float64."""

from __future__ import annotations

import pytest
import torch

from hitl.learn.kl import adapted_coef, full_kl, k3, token_kl
from hitl.learn.losses import policy_loss, value_loss


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_policy_loss_is_the_clipped_surrogate() -> None:
    logp = torch.tensor([[0.5, 0.0, -0.5]], dtype=torch.float64)
    old = torch.zeros_like(logp)
    up, clipped = policy_loss(logp, old, torch.ones_like(logp), 0.2)
    first, _, last = logp.exp()[0].tolist()
    assert first > 1.2 and last < 0.8
    assert torch.allclose(up, -torch.tensor([[1.2, 1.0, last]], dtype=torch.float64))
    assert clipped.tolist() == [[True, False, False]]
    down, clipped = policy_loss(logp, old, -torch.ones_like(logp), 0.2)
    assert torch.allclose(down, torch.tensor([[first, 1.0, 0.8]], dtype=torch.float64))
    assert clipped.tolist() == [[False, False, True]]


def test_gradients_are_those_autograd_finds_numerically() -> None:
    old, advantages, returns = noise(2, 5), noise(2, 5, seed=1), noise(2, 5, seed=2)
    logp = (old + 0.3 * noise(2, 5, seed=3)).requires_grad_()
    values = noise(2, 5, seed=4).requires_grad_()
    check = torch.autograd.gradcheck
    assert check(lambda x: policy_loss(x, old, advantages, 0.2)[0], (logp,))
    assert check(lambda v: value_loss(v, old, returns, 0.2), (values,))
    assert check(lambda x: token_kl(x, old, "mse"), (logp,))
    assert check(lambda x: k3(x, old), (logp,))


def test_half_square_has_the_gradient_of_the_kl() -> None:
    """E over the policy's own tokens of the gradient of (log p - log p_ref)^2 / 2 is the gradient
    of KL(p || p_ref): the sum over the vocabulary stands for the expectation."""
    logits, reference = noise(1, 1, 9).requires_grad_(), noise(1, 1, 9, seed=1).log_softmax(-1)
    exact = full_kl(logits.log_softmax(-1), reference).sum()
    (want,) = torch.autograd.grad(exact, logits)
    log_p = logits.log_softmax(-1)
    surrogate = (log_p.detach().exp() * token_kl(log_p, reference, "mse")).sum()
    (got,) = torch.autograd.grad(surrogate, logits)
    assert torch.allclose(got, want)


def test_kl_estimators() -> None:
    logp, ref = torch.tensor([[-1.0, -2.0]]), torch.tensor([[-1.5, -1.0]])
    assert token_kl(logp, ref).tolist() == [[0.5, -1.0]]
    assert token_kl(logp, ref, "abs").tolist() == [[0.5, 1.0]]
    assert token_kl(logp, ref, "mse").tolist() == [[0.125, 0.5]]
    assert (k3(noise(3, 3), noise(3, 3, seed=1)) >= 0).all()
    same = noise(2, 3, 5).log_softmax(-1)
    assert full_kl(same, same).abs().max() < 1e-12
    assert (full_kl(same, noise(2, 3, 5, seed=1).log_softmax(-1)) > 0).all()


def test_kl_weight_rises_above_the_target_and_falls_below() -> None:
    def after(kl: float, labels: int) -> float:
        return adapted_coef(0.2, kl, target=6.0, labels=labels, horizon=200)

    assert after(kl=60.0, labels=100) == pytest.approx(0.22)  # at most 20 % a horizon
    assert after(kl=0.0, labels=100) == pytest.approx(0.18)
    assert after(kl=6.6, labels=200) == pytest.approx(0.22)
    assert after(kl=6.0, labels=200) == 0.2
    assert after(kl=0.0, labels=100_000) == pytest.approx(0.16)  # and never below 0
